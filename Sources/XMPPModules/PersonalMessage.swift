import NIOCore
import XMPPServer

/// The personal message from the account's page: the status of presence that has none.
struct PersonalMessage: ServerModule {
    static let info = ModuleInfo(
        "personal-message", implements: [], requires: ["presence"],
        summary: "Presence without a status shows what the person says of themselves on the account's page.")

    /// The session's presence shows the personal message.
    private static let shows = ClientSession.Flag("personal-message")

    init(host: Host, settings: NoSettings) {}

    func register(_ registrar: inout Registrar) {
        registrar.on(Hooks.presenceFromClient, .rewrite, add)
        registrar.on(Hooks.accountChanged, .deliver) { event in
            let message = event.account.personalMessage
            for session in event.host.accounts.cached(event.account.jid)?.sessions ?? [] {
                session.loop.eventLoop.execute { announce(message, session) }
            }
            return .go
        }
    }

    @Sendable private func add(_ event: inout StanzaContext) -> Verdict {
        guard event.stanza.type == .available, event.to == nil, let session = event.session else { return .go }
        let presence = event.stanza.element
        let message = session.record.account.personalMessage
        let shows = !message.isEmpty && !presence.hasChild("status", .client)
        session.set(Self.shows, shows)
        guard shows else { return .go }
        var status = XMLWriter()
        status.element("status", text: message)
        let written = status.finish()
        return event.rewrite { $0.stanza(presence, appending: written) }
    }

    /// As if the client had sent its presence again. On the session's loop.
    private func announce(_ message: String, _ session: ClientSession) {
        guard let presence = session.presence else { return }
        let status = presence.child("status", .client)
        guard status == nil || session.has(Self.shows), status?.text ?? "" != message else { return }
        var writer = XMLWriter()
        writer.stanza(presence, from: nil, to: nil, leavingOut: { $0.isNamed("status", .client) })
        guard let stanza = session.host.stanza(fromOwn: writer.finish(), "presence with a person's message") else {
            return
        }
        session.act(stanza.element)
    }
}
