import XMPP

/// Who answers for an address.
public enum Recipient: Sendable {
    /// An account of a host that is served here, whether or not there is one, or one of its sessions if the JID is full.
    case account(Host, JID)
    /// The host itself, or a resource of it.
    case host(Host, JID)
    /// A service, or an address in its domain.
    case service(any Service, JID)
    /// An account or a service whose home is another server, to which there is this way.
    case remote(any RemoteRoute, JID)
    /// Nobody here.
    case unknown
}

extension HostTable {
    /// Decides who answers for an address: the one place that does.
    public func recipient(of address: JID) -> Recipient {
        guard let host = self[of: address] else {
            guard let service = service(address.domain) else { return .unknown }
            return route(to: address).map { .remote($0, address) } ?? .service(service, address)
        }
        guard address.hasLocal else { return .host(host, address) }
        return route(to: address).map { .remote($0, address) } ?? .account(host, address)
    }

    /// The way to an address at another server; nil: it is at home here. One look where there are no others.
    @inline(__always)
    private func route(to address: JID) -> (any RemoteRoute)? { isAlone ? nil : placement?.route(to: address) }

    /// Whether an account's home is here, if there is such an account.
    func isHome(of account: JID) -> Bool { route(to: account) == nil }

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
