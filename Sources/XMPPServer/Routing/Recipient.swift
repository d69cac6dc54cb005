import XMPP

/// Who answers for an address.
public enum Recipient: Sendable {
    /// An account of a host that is served here, whether or not there is one, or one of its sessions if the JID is full.
    case account(Host, JID)
    /// The host itself, or a resource of it.
    case host(Host, JID)
    /// A service, or an address in its domain.
    case service(any Service, JID)
    /// Nobody here.
    case unknown
}

extension HostTable {
    /// Decides who answers for an address: the one place that does.
    public func recipient(of address: JID) -> Recipient {
        guard let host = self[of: address] else {
            return service(address.domain).map { .service($0, address) } ?? .unknown
        }
        return address.hasLocal ? .account(host, address) : .host(host, address)
    }

    /// Whether somebody here answers for an address.
    public func serves(_ address: JID) -> Bool {
        if case .unknown = recipient(of: address) { false } else { true }
    }

    /// The account at an address, if it is in memory.
    public func cachedAccount(_ address: JID) -> AccountRecord? {
        guard case .account(let host, let jid) = recipient(of: address) else { return nil }
        return host.accounts.cached(jid)
    }
}
