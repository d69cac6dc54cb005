import NIOCore
import XML
import XMPP
import XMPPStream

/// The origin of one stanza that a component sends in an account's name. Errors and results go to the component.
final class AccountSpeaker: StanzaOrigin {
    private let record: AccountRecord
    private let link: ComponentLink
    private let answered: @Sendable (Stanza) -> Void

    /// - Parameter answered: takes errors and results.
    init(_ record: AccountRecord, link: ComponentLink, answered: @escaping @Sendable (Stanza) -> Void) {
        self.record = record
        self.link = link
        self.answered = answered
    }

    var loop: LoopContext { link.loop }
    var language: String? { nil }
    var host: Host { link.host }
    var account: AccountRecord? { record }
    var service: (any Service)? { link.service }
    var client: ClientSession? { nil }
    /// Never the right to take the account from its owner.
    var rights: SessionRights { .program }

    func send(_ kind: StanzaKind, isAwaited: Bool, _ body: (inout XMLWriter) -> Void) {
        var writer = XMLWriter()
        body(&writer)
        guard let answer = host.stanza(fromOwn: writer.finish(), "an answer to a component") else { return }
        answered(answer)
    }

    func pauseReading<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value, within time: TimeAmount,
        then: @escaping @Sendable (Value?) -> Void
    ) {
        link.pauseReading(operation, within: time, then: then)
    }

    func requestStarted(_ request: PendingRequest) { link.requestStarted(request) }
    func requestEnded(_ request: PendingRequest) { link.requestEnded(request) }
}
