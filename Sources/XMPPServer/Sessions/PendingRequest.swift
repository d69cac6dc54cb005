import NIOCore
import XMPP
import XMPPStream

/// An IQ request whose answer has to be waited for. Lives on its session's loop; answers once, at the latest when its
/// time is over, and not at all when the session has ended.
final class PendingRequest: @unchecked Sendable {
    private let session: ClientSession
    private let answer: (Reply) -> Void
    private var task: Task<Void, Never>?
    private var timer: Scheduled<Void>?
    private var isAnswered = false

    init(_ request: IQRequest, answer: @escaping (Reply) -> Void) {
        session = request.session
        self.answer = answer
    }

    func start(_ operation: @escaping @Sendable () async -> Reply, deadline: TimeAmount) {
        let loop = session.loop.eventLoop
        timer = loop.scheduleTask(in: deadline) { self.finish(.error(.init(.resourceConstraint))) }
        let account = session.record.jid
        task = Task {
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
        session.requestEnded(self)
    }
}
