import XMPPServer

/// XEP-0172: who invites is introduced by the display name of the account, whatever the client put there. Nothing else
/// carries a nickname of the server's.
struct Nickname: ServerModule {
    static let info = ModuleInfo(
        "nickname", implements: [.xep(172, "1.1")], summary: "Invitations carry the inviter's display name.")

    private let host: Host

    init(host: Host, configuration: ConfigSection) {
        self.host = host
    }

    func register(_ registrar: inout Registrar) {
        registrar.on(Presence.invitation, .rewrite) { event in
            let inviter = host.router.hosts[event.from.domain]?.accounts.resident(event.from)?.account
            guard let name = inviter?.displayName, !name.isEmpty else { return .go }
            let stanza = event.stanza.element
            let from = event.from.bare.string
            let to = event.to?.bare.string
            event.rewrite { writer in
                writer.start("presence", .client)
                writer.attribute("type", "subscribe" as StaticString)
                writer.attribute("id", stanza["id"])
                writer.attribute("from", from)
                writer.attribute("to", to)
                if let language = stanza.attribute("lang", .xml) { writer.lang(language) }
                for child in stanza.children where !child.isNamed("nick", .nick) { writer.copy(child) }
                writer.element("nick", .nick, text: name)
                writer.end()
            }
            return .go
        }
    }
}
