import NIOCore
import Synchronization
import XMPP
import XMPPStream

/// Stanzas that have gone to their recipients' homes, and are neither accepted nor answered there yet.
final class Crossings: Sendable {
    /// A stanza on hold between the two halves of its way.
    struct Crossing: Sendable {
        let event: StanzaContext
        /// The loop on which it goes on: that of its sender, if there is one.
        let loop: LoopContext
        /// The sender's acknowledgement waits for it.
        let group: StanzaRouter.Waiting?
        /// The place that a request takes among those of its sender.
        let request: PendingRequest?
        var timer: Scheduled<Void>?
    }

    private struct State {
        var last: UInt64 = 0
        var waiting: [UInt64: Crossing] = [:]
    }

    private let state = Mutex(State())

    /// Takes note of a stanza that is about to cross.
    ///
    /// - Returns: its number.
    func begin(_ crossing: Crossing) -> UInt64 {
        state.withLock { state in
            state.last += 1
            state.waiting[state.last] = crossing
            return state.last
        }
    }

    /// Has `body` called when the stanza's time is over.
    func end(_ number: UInt64, in time: TimeAmount, on loop: LoopContext, _ body: @escaping @Sendable () -> Void) {
        let timer = loop.eventLoop.scheduleTask(in: time, body)
        let isWaiting = state.withLock { $0.waiting[number]?.timer = timer } != nil
        if !isWaiting { timer.cancel() }
    }

    /// The stanza goes on: whoever takes it does that. nil: somebody has, or it has waited too long.
    func take(_ number: UInt64) -> Crossing? {
        let crossing = state.withLock { $0.waiting.removeValue(forKey: number) }
        crossing?.timer?.cancel()
        return crossing
    }
}
