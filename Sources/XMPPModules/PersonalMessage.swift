import NIOCore
import XMPPServer

/// What a person says of themselves on their account's page: the status of presence that has none of its own.
struct PersonalMessage: ServerModule {
    static let info = ModuleInfo(
        "personal-message", implements: [], requires: ["presence"],
        summary: "Presence without a status shows what the person says of themselves on the account's page.")

    /// The session's presence shows the person's message.
    private static let shows = ClientSession.Flag("personal-message")

    init(host: Host, configuration: ConfigSection) {}

    func register(_ registrar: inout Registrar) {
        registrar.on(Hooks.presenceFromClient, .rewrite, add)
        registrar.on(Hooks.accountChanged, .deliver) { event in
            let message = event.account.personalMessage
            for session in event.host.accounts.resident(event.account.jid)?.sessions ?? [] {
                session.loop.eventLoop.execute { announce(message, session) }
            }
            return .go
        }
    }

    @Sendable private func add(_ event: inout StanzaEvent) -> Verdict {
        guard event.stanza.type == .available, event.to == nil, let session = event.sender else { return .go }
        let presence = event.stanza.element
        let message = session.record.account.personalMessage
        let shows = !message.isEmpty && !presence.hasChild("status", .client)
        session.set(Self.shows, shows)
        guard shows else { return .go }
        event.rewrite { writer in
            writer.copy(presence) { $0.element("status", text: message) }
        }
        return .go
    }

    /// As if the client had sent its presence once more. On the session's loop.
    private func announce(_ message: String, _ session: ClientSession) {
        guard let presence = session.presence else { return }
        let status = presence.child("status", .client)
        guard status == nil || session.has(Self.shows), status?.text ?? "" != message else { return }
        var writer = XMLWriter()
        writer.start("presence", .client)
        writer.attribute("id", presence["id"])
        for child in presence.children where !child.isNamed("status", .client) { writer.copy(child) }
        writer.end()
        guard let element = try? Element(parsing: writer.finish(), contentNamespace: .client) else { return }
        session.act(element)
    }
}
