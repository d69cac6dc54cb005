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
        let hosts = host.router.hosts
        // Accounts are told by their own server; elsewhere it is for the client to say.
        registrar.on(Presence.asking, .rewrite) { event in
            guard hosts[of: event.to] != nil else { return .go }
            let (stanza, name) = (event.stanza.element, event.account.displayName)
            var nick = XMLWriter()
            if !name.isEmpty { nick.element("nick", .nick, text: name) }
            let own = nick.finish()
            event.rewrite { $0.stanza(stanza, leavingOut: Self.isNick, appending: own) }
            return .go
        }
        // Nobody vouches for the names of those who have no account here.
        registrar.on(Presence.invitation, .rewrite) { event in
            let stanza = event.stanza.element
            guard hosts[of: event.from] == nil, stanza.children.contains(where: Self.isNick) else { return .go }
            return event.rewrite { $0.stanza(stanza, leavingOut: Self.isNick) }
        }
    }

    private static func isNick(_ child: Element) -> Bool { child.isNamed("nick", .nick) }
}
