import Foundation
public import NIOCore
import XMPP

/// The operations of administrators: functions, and the commands made from them (`Administration.commands`).
///
/// There is always a server; where none runs, one without listeners (`Server.listens`) opens the store.
public struct Administration: Sendable {
    let server: Server
    /// The domain to which administration is limited; nil: the whole server.
    let domain: String?
    /// nil: the configuration cannot be reloaded.
    private let reloader: Reloader?
    /// The records of accounts whose host is not served any more.
    private let records: AccountTable

    var configuration: ServerConfiguration { server.configuration }
    var storage: any Storage { server.storage }
    /// The directory of everything that outlives the process.
    public var dataDirectory: String { configuration.data.directory }

    /// The addresses on which a port is open.
    public func addresses(of port: PortUse) -> [SocketAddress] { server.addresses(of: [port]) }
    var now: @Sendable () -> Timestamp { server.now }

    /// The administration of a whole server.
    ///
    /// - Parameter reloader: nil: the configuration cannot be reloaded.
    public init(_ server: Server, _ reloader: Reloader? = nil) {
        self.init(server, domain: nil, reloader)
    }

    /// The administration of one host of a server.
    public init(_ server: Server, of host: Host) {
        self.init(server, domain: host.domain, nil)
    }

    private init(_ server: Server, domain: String?, _ reloader: Reloader?) {
        self.server = server
        self.domain = domain
        self.reloader = reloader
        records = AccountTable(storage: server.storage, capacity: 0)
    }

    /// The domains of all hosts of the server.
    public var domains: [String] { configuration.hosts.map(\.domain) }
    /// The hosts that can be managed.
    var hosts: [HostConfiguration] { configuration.hosts.filter { manages($0.domain) } }

    /// Whether hosts and accounts of the domain can be seen and changed.
    func manages(_ domain: String) -> Bool { self.domain.map { $0 == domain } ?? true }
}

extension Administration {
    /// The reloader of the running server.
    func running() throws -> Reloader {
        guard let reloader else { throw AdministrationError("no server is running", .notFound) }
        return reloader
    }
}

// MARK: - Finding accounts

extension Administration {
    /// The account with that name.
    ///
    /// - Throws: `AdministrationError` if there is none, or more than one.
    public func account(_ name: AccountName) async throws -> Account {
        let found = try await accounts(named: name)
        guard let account = found.first else {
            throw AdministrationError(
                "there is no account \(name.name)" + (name.host.map { " on \($0)" } ?? ""), .notFound)
        }
        guard found.count == 1 else {
            let domains = found.map(\.jid.domain).joined(separator: " and ")
            throw AdministrationError("there is an account \(name.name) on \(domains); say which with --host")
        }
        return account
    }

    /// An address takes precedence over an account id, and both over a local part.
    private func accounts(named name: AccountName) async throws -> [Account] {
        let host = try name.host.map(domain)
        if let jid = JID(name.name), jid.hasLocal, !jid.isFull, host == nil || jid.domain == host, manages(jid.domain),
            let account = try await storage.account(jid)
        {
            return [account]
        }
        var found: [Account] = []
        let domains = host.map { [$0].filter(manages) } ?? hosts.map(\.domain)
        for domain in domains {
            if let account = try await storage.account(host: domain, accountID: name.name) { found.append(account) }
        }
        guard found.isEmpty else { return found }
        for domain in domains {
            if let jid = JID(local: name.name, domain: domain, resource: nil),
                let account = try await storage.account(jid)
            {
                found.append(account)
            }
        }
        return found
    }

    /// The normal form of a domain.
    func domain(_ text: String) throws -> String {
        guard let domain = normalDomain(text) else { throw AdministrationError("\(text) is no domain") }
        return domain
    }

    /// The table with the account's record.
    func table(of account: JID) -> AccountTable { server.hosts[of: account]?.accounts ?? records }

    /// The record of an account in its host's table, so that there is no second one.
    func record(of account: Account) async throws -> AccountRecord {
        guard let record = try await table(of: account.jid).load(account.jid) else {
            throw AdministrationError("there is no account \(account.jid) any more", .notFound)
        }
        return record
    }

    /// The present sessions of an account.
    func sessions(of jid: JID) -> [ClientSession] {
        server.hosts[of: jid]?.accounts.cached(jid)?.sessions ?? []
    }
}

/// The name of an account.
public struct AccountName: Sendable, Hashable {
    /// A JID, an account id or a local part.
    public var name: String
    /// The domain to look in; nil: all hosts.
    public var host: String?

    /// Names an account.
    public init(_ name: String, host: String? = nil) {
        self.name = name
        self.host = host
    }
}
