import NIOCore
import XML
import XMPP
import XMPPStream

/// A component while it sends one stanza in the name of an account. What comes of it is told to the component as the answer
/// to the stanza in which it was.
final class AccountSpeaker: StanzaOrigin {
    private let record: AccountRecord
    private let link: ComponentLink
    /// The component's own stanza.
    private let outer: Stanza
    /// Which of its addresses has sent it.
    private let from: JID

    init(_ record: AccountRecord, link: ComponentLink, _ outer: Stanza, from: JID) {
        self.record = record
        self.link = link
        self.outer = outer
        self.from = from
    }

    var loop: LoopContext { link.loop }
    var language: String? { nil }
    var host: Host { link.host }
    var account: AccountRecord? { record }
    var client: ClientSession? { nil }
    /// Never what could take the account from its owner.
    var rights: SessionRights { .program }

    func send(isAwaited: Bool, _ body: (inout XMLWriter) -> Void) {
        var writer = XMLWriter()
        body(&writer)
        guard let answer = host.stanza(fromOwn: writer.finish(), "an answer to a component"), answer.type == .error,
            let error = answer.element.child("error", .client)
        else { return }
        link.send(isAwaited: isAwaited) { [outer, from] writer in
            writer.start(outer.kind.name)
            writer.attribute("type", "error" as StaticString)
            writer.attribute("id", outer.id)
            writer.attribute("from", outer.element["to"])
            writer.attribute("to", from.string)
            writer.copy(error)
            writer.end()
        }
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
