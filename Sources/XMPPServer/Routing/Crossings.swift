import NIOCore
import Synchronization
import XMPP
import XMPPStream

/// Stanzas that were sent to another server, their recipient's home, and are neither accepted nor answered there yet. Each
/// has a deadline.
final class Crossings: Sendable {
    /// A stanza between the two halves of its way.
    struct Crossing: Sendable {
        let event: StanzaContext
        /// The loop on which it goes on: that of its origin, if it has one.
        let loop: LoopContext
        /// The sender's acknowledgement waits for it.
        let group: StanzaRouter.Waiting?
        /// The stanza as it counts among those of its origin that are not answered yet; nil: it is bounded by its group.
        let request: PendingRequest?
        var timer: Scheduled<Void>?
    }

    private struct State {
        var last: UInt64 = 0
        var waiting: [UInt64: Crossing] = [:]
    }

    private let state = Mutex(State())

    /// Adds a stanza that is about to be sent.
    ///
    /// - Returns: its number.
    func begin(_ crossing: Crossing) -> UInt64 {
        state.withLock { state in
            state.last += 1
            state.waiting[state.last] = crossing
            return state.last
        }
    }

    /// Calls `body` when the stanza's time is over, unless it was taken before.
    func setDeadline(
        _ number: UInt64, in time: TimeAmount, on loop: LoopContext, _ body: @escaping @Sendable () -> Void
    ) {
        let timer = loop.eventLoop.scheduleTask(in: time, body)
        let isWaiting = state.withLock { $0.waiting[number]?.timer = timer } != nil
        if !isWaiting { timer.cancel() }
    }

    /// The numbers of all that wait.
    var numbers: [UInt64] { state.withLock { Array($0.waiting.keys) } }

    /// Removes and returns a stanza whose way goes on now. nil: it was taken before, or its time is over.
    func take(_ number: UInt64) -> Crossing? {
        let crossing = state.withLock { $0.waiting.removeValue(forKey: number) }
        crossing?.timer?.cancel()
        return crossing
    }
}
