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
    private let answer: (Reply) -> Void
    private var task: Task<Void, Never>?
    private var timer: Scheduled<Void>?
    private var isAnswered = false

    init(_ request: IQRequest, answer: @escaping (Reply) -> Void) {
        origin = request.origin
        account = request.from.bare
        self.answer = answer
    }

    /// A request that another server answers: until `end` it counts among those of its origin.
    init(of origin: any StanzaOrigin, from: JID) {
        self.origin = origin
        account = from.bare
        answer = { _ in }
    }

    func end() {
        guard !isAnswered else { return }
        cancel()
        origin.requestEnded(self)
    }

    func start(_ operation: @escaping @Sendable () async -> Reply, deadline: TimeAmount) {
        let loop = origin.loop.eventLoop
        timer = loop.scheduleTask(in: deadline) { self.finish(.error(.init(.resourceConstraint))) }
        task = Task { [account] in
            let reply = await ReadTurn.$account.withValue(account, operation: operation)
            loop.execute { self.finish(reply) }
        }
    }

    func cancel() {
        isAnswered = true
        task?.cancel()
        timer?.cancel()
    }

    private func finish(_ reply: Reply) {
        guard !isAnswered else { return }
        cancel()
        answer(reply)
        origin.requestEnded(self)
    }
}
