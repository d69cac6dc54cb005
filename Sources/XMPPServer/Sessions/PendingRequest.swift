import NIOCore
import XMPP
import XMPPStream

/// An IQ request with a later answer. It is answered once, at its deadline at the latest, and not at all if its origin has
/// ended.
///
/// Used on its origin's loop only; hence `@unchecked Sendable`.
public final class PendingRequest: @unchecked Sendable {
    private let origin: any StanzaOrigin
    private let account: JID
    private var task: Task<Void, Never>?
    private var timer: Scheduled<Void>?
    private var isOver = false

    init(of origin: any StanzaOrigin, from: JID) {
        self.origin = origin
        account = from.bare
    }

    /// Calls `then` on the origin's loop with what the operation brings, or nil when its time is over. What it brings later is
    /// dropped.
    func start<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value, within time: TimeAmount,
        then: @escaping @Sendable (Value?) -> Void
    ) {
        let loop = origin.loop.eventLoop
        timer = loop.scheduleTask(in: time) { self.end { then(nil) } }
        task = Task { [account] in
            let value = await ReadTurn.$account.withValue(account, operation: operation)
            loop.execute { self.end { then(value) } }
        }
    }

    /// It is answered, by `body` if that was not done otherwise. Until then it counts among those of its origin.
    func end(_ body: () -> Void = {}) {
        guard !isOver else { return }
        cancel()
        body()
        origin.requestEnded(self)
    }

    func cancel() {
        isOver = true
        task?.cancel()
        timer?.cancel()
    }
}
