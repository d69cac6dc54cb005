import NIOCore
import Synchronization
import XMPPServer

/// XEP-0356 §7: sends components the presence of their host's accounts, and of the accounts' contacts, as the
/// configuration allows. Rosters are not changed.
///
/// A component that connects gets the present presence, each server's from that server. Contacts at other domains are those
/// of accounts with sessions; those at services and at home elsewhere are probed.
struct ComponentPresence {
    private let host: Host
    /// The last presence of contacts at other domains that was sent: several accounts may receive the same.
    private let told = ToldPresence()

    init(host: Host) {
        self.host = host
    }

    /// The components with that privilege.
    private func components(where isMeant: (ComponentPrivileges.Presence) -> Bool) -> [JID] {
        host.configuration.components.compactMap { component in
            guard component.privileges.presence != .none, isMeant(component.privileges.presence) else { return nil }
            return JID(local: nil, domain: component.domain, resource: nil)
        }
    }

    /// A session has sent presence, or become unavailable.
    ///
    /// - Parameter isChange: whether it was available already; components limited to accounts do not get that.
    func announced(_ presence: Stanza, by session: ClientSession, isChange: Bool) {
        for component in components(where: { $0 == .contacts || !isChange }) {
            host.router.route(presence, from: session.jid, to: component, host: host)
        }
    }

    /// An account has received presence from another domain.
    func received(_ presence: Stanza, from: JID, by account: AccountRecord) {
        guard !from.isSameDomain(as: host.jid) else { return }
        let components = components { $0 == .contacts }
        guard !components.isEmpty, account.rosterItem(from.bare)?.state.hasTo == true,
            told.isNew(presence, from: from)
        else { return }
        for component in components { host.router.route(presence, from: from, to: component, host: host) }
    }

    /// Sends the present presence to a component that has connected.
    func connected(_ event: ComponentEvent) {
        let component = event.component.domain
        let configuration = host.configuration.components.first { $0.domain == component.domain }
        guard let presence = configuration?.privileges.presence, presence != .none else { return }
        if presence == .contacts { told.forget() }
        var sessions = host.accounts.sessions[...]
        var contacts = presence == .contacts ? Array(contactsElsewhere(of: sessions))[...] : []
        event.sendBatch { [host] in
            while true {
                if let session = sessions.popFirst() {
                    guard let presence = session.presence.flatMap(Stanza.init) else { continue }
                    host.router.route(presence, from: session.jid, to: component, host: host)
                    return true
                }
                guard let (contact, account) = contacts.popFirst() else { return false }
                switch host.router.hosts.recipient(of: contact) {
                case .account: sessions = (host.router.hosts.cachedAccount(contact)?.sessions ?? [])[...]
                case .service, .remote:
                    probe(contact, for: account)
                    return true
                case .host, .unknown: break
                }
            }
        }
    }

    /// Asks for a contact's presence. The answer is for the account; the account's clients know it already.
    private func probe(_ contact: JID, for account: JID) {
        guard let probe = host.presence(type: .probe, from: account, to: contact) else { return }
        host.router.route(probe, from: account, to: contact, host: host)
    }

    /// The contacts at other domains that these sessions' accounts are subscribed to, each once, with one of the accounts.
    private func contactsElsewhere(of sessions: ArraySlice<ClientSession>) -> [JID: JID] {
        var contacts: [JID: JID] = [:]
        for session in sessions {
            for contact in session.record.withRoster({ $0.contacts(where: \.hasTo) })
            where !contact.isSameDomain(as: host.jid) {
                contacts[contact] = session.record.jid
            }
        }
        return contacts
    }
}

/// The last presence sent of each address, by a hash of its content.
private final class ToldPresence: Sendable {
    /// Beyond it all are forgotten; then a component may get a presence twice.
    private static let capacity = 10_000

    private let contents = Mutex<[JID: Int]>([:])

    /// For a component that has been told nothing yet.
    func forget() { contents.withLock { $0 = [:] } }

    /// Whether it differs from the last presence of that address.
    func isNew(_ presence: Stanza, from: JID) -> Bool {
        var hasher = Hasher()
        hasher.combine(presence.type == .unavailable)
        for child in presence.element.children { hasher.combine(child.bytes) }
        let content = hasher.finalize()
        return contents.withLock { contents in
            if contents.count >= Self.capacity, contents[from] == nil { contents = [:] }
            return contents.updateValue(content, forKey: from) != content
        }
    }
}
