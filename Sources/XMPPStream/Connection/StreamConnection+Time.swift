import NIOCore
import XMPP

/// Deadlines of a connection. The loop's `TimerQueue` says when to check them.
extension StreamConnection {
    /// A deadline for the peer.
    struct Deadline {
        enum Reason {
            /// For a session.
            case session
            /// For the closing tag of a redirected peer.
            case redirect
            /// For the end of the connection.
            case closing
        }

        let reason: Reason
        let time: NIODeadline
    }

    func setDeadline(_ reason: Deadline.Reason, in time: TimeAmount) {
        deadline = Deadline(reason: reason, time: eventLoop.now + time)
        lookAgain()
    }

    /// Puts the stream into the loop's timer queue, unless it is there for an earlier time.
    func lookAgain() {
        guard let time = nextTime else { return }
        if let known = queuedFor, known <= time { return }
        queuedFor = time
        loop.look(at: self, time)
    }

    /// Checks the stream's deadlines.
    func timeCame(_ time: NIODeadline, now: NIODeadline) {
        // Another entry of the stream counts.
        guard queuedFor == time else { return }
        queuedFor = nil
        if let deadline, deadline.time <= now {
            self.deadline = nil
            missed(deadline.reason)
        } else if let idle = idleEnd, idle <= now {
            close(.connectionTimeout)
        }
        lookAgain()
    }

    private func missed(_ reason: Deadline.Reason) {
        switch reason {
        case .session: close(.connectionTimeout)
        case .redirect: finishClosing()
        case .closing: disconnect()
        }
    }

    private var nextTime: NIODeadline? {
        switch (deadline?.time, idleEnd) {
        case (let deadline?, let idle?): min(deadline, idle)
        case (let time, nil), (nil, let time): time
        }
    }

    /// Only stanzas count: white space does not keep a connection alive.
    private var idleEnd: NIODeadline? {
        guard session != nil, let idle = idleTime else { return nil }
        return lastStanza + idle
    }
}
