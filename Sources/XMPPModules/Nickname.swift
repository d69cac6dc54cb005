import XMPPServer

/// XEP-0172: a subscription request carries the sender's display name, whatever nickname the client added. The server
/// adds it to no other stanza.
struct Nickname: ServerModule {
    static let info = ModuleInfo(
        "nickname", implements: [.xep(172, "1.1")], summary: "Invitations carry the inviter's display name.")

    private let host: Host

    init(host: Host, settings: NoSettings) {
        self.host = host
    }

    func register(_ registrar: inout Registrar) {
        registrar.on(Presence.invitation, .rewrite) { event in
            let inviter = host.router.hosts.cachedAccount(event.from)?.account
            let (stanza, from, to) = (event.stanza.element, event.from.bare.string, event.to?.bare.string)
            var nick = XMLWriter()
            if let name = inviter?.displayName, !name.isEmpty { nick.element("nick", .nick, text: name) }
            let own = nick.finish()
            return event.rewrite { writer in
                writer.stanza(stanza, from: from, to: to, leavingOut: { $0.isNamed("nick", .nick) }, appending: own)
            }
        }
    }
}
