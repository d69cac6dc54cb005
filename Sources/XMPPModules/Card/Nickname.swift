import Synchronization
import XMPPServer

/// XEP-0172: a subscription request carries the sender's display name, whatever nickname the client added. The server
/// adds it to no other stanza. Where accounts have nodes, the one for the nickname shows the display name, and changes it.
struct Nickname: CardView {
    static let info = ModuleInfo(
        "nickname", implements: [.xep(172, "1.1")],
        summary: "Invitations carry the inviter's display name, which is also the account's nickname for contacts.")

    static let nodes = [Namespace.nick.name]

    /// What the node said when it and the card last said the same; nil: that is not known.
    private final class State: Sendable { let known = Mutex<String?>(nil) }

    private static let state = AccountRecord.Slot("nickname") { State() }

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

    // MARK: The node

    func read(into card: inout Card, of record: AccountRecord, after change: NodeChange?) async throws(StanzaError) {
        let published = try await published(of: record)
        let known = record[Self.state].known.withLock { exchange(&$0, with: published ?? "") }
        // What has been taken over already does not undo what has become of the name since.
        guard change == nil || known != published ?? "" else { return }
        if let published {
            if published != card.name { card.name = Card.name(from: published) }
        } else if change?.removes == true || known?.isEmpty == false {
            // A later change may have removed it, and is stored already.
            card.name = ""
        }
    }

    func show(_ card: Card, of record: AccountRecord) async throws(StanzaError) {
        let published = try await published(of: record) ?? ""
        let state = record[Self.state]
        // What a client has published meanwhile is about to be taken over.
        if let known = state.known.withLock({ $0 }), known != published { return }
        state.known.withLock { $0 = published }
        guard published != card.name, Card.name(from: published) != card.name else { return }
        var writer = XMLWriter(contentNamespace: .none)
        writer.element("nick", .nick, text: card.name)
        guard let payload = host.element(fromOwn: writer.finish(), "a nickname") else { return }
        let isShown = try await host.personalEventing?.put(to: Self.nodes[0], of: record) {
            () async throws(StanzaError) -> [NodeChange.Item] in
            // What a client has published meanwhile is about to be taken over.
            guard try await self.published(of: record) ?? "" == published else { return [] }
            return [.init(id: "current", payload: payload)]
        }
        if isShown == true { state.known.withLock { $0 = card.name } }
    }

    /// The nickname at the node; nil: there is none.
    private func published(of record: AccountRecord) async throws(StanzaError) -> String? {
        let item = try await host.personalEventing?.items(of: Self.nodes[0], of: record, newest: 1).last
        return item?.payload.map { $0.isNamed("nick", .nick) ? $0.text : "" }
    }
}
