import NIOCore
import XML
import XMPP
import XMPPStream

/// A component while it sends one stanza in the name of an account. What comes of it is the component's to know.
final class AccountSpeaker: StanzaOrigin {
    private let record: AccountRecord
    private let link: ComponentLink
    private let answered: @Sendable (Stanza) -> Void

    /// - Parameter answered: takes what comes of it.
    init(_ record: AccountRecord, link: ComponentLink, answered: @escaping @Sendable (Stanza) -> Void) {
        self.record = record
        self.link = link
        self.answered = answered
    }

    var loop: LoopContext { link.loop }
    var language: String? { nil }
    var host: Host { link.host }
    var account: AccountRecord? { record }
    var client: ClientSession? { nil }
    /// Never what could take the account from its owner.
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
