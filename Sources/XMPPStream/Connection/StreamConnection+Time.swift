import NIOCore
import XMPP

/// What has to happen in time, and what happens when it does not. The loop's `TimerQueue` says when to look.
extension StreamConnection {
    /// Something that the peer is waited for, and until when.
    struct Deadline {
        enum Reason {
            /// A session.
            case session
            /// The closing tag of a peer that has been sent elsewhere.
            case redirect
            /// The end of the connection.
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
        if let known = onAgendaAt, known <= time { return }
        onAgendaAt = time
        loop.look(at: self, time)
    }

    /// The loop's look at the stream.
    func timeCame(_ time: NIODeadline, now: NIODeadline) {
        // It is there for another time as well, which counts.
        guard onAgendaAt == time else { return }
        onAgendaAt = nil
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

    /// Only stanzas count: white space keeps no connection alive.
    private var idleEnd: NIODeadline? {
        guard session != nil, let idle = idleTime else { return nil }
        return lastStanza + idle
    }
}
