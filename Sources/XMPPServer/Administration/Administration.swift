import Foundation
import XMPP

/// Performs what administrators ask for: on a running server, whose sessions learn of it, or on the bare store.
///
/// Requests come through `AdministrationSocket`, or from the command line when no server is running.
public struct Administration: Sendable {
    private let ownConfiguration: ServerConfiguration
    let storage: any Storage
    /// nil: there is the bare store alone.
    let server: Server?
    let now: @Sendable () -> Timestamp
    /// nil: the configuration cannot be reloaded.
    private let reloader: Reloader?
    /// The records of accounts that no running host keeps.
    private let records: AccountTable

    /// An administration of the store, which nobody else has open for writing.
    public init(
        _ configuration: ServerConfiguration,
        storage: any Storage,
        now: @escaping @Sendable () -> Timestamp = Timestamp.now
    ) {
        ownConfiguration = configuration
        self.storage = storage
        server = nil
        reloader = nil
        self.now = now
        records = AccountTable(storage: storage, capacity: 0)
    }

    /// An administration of a running server.
    public init(_ server: Server, _ reloader: Reloader? = nil) {
        ownConfiguration = server.configuration
        self.reloader = reloader
        storage = server.storage
        self.server = server
        now = server.now
        records = AccountTable(storage: server.storage, capacity: 0)
    }

    /// That of the running server, as it is now.
    var configuration: ServerConfiguration { server?.configuration ?? ownConfiguration }

    /// Performs a request; what goes wrong is told in the reply.
    public func perform(_ request: AdministrationRequest) async -> AdministrationReply {
        do {
            return try await reply(to: request)
        } catch let error as AdministrationError {
            return .failed(reason: error.description)
        } catch let error as StorageError {
            return .failed(reason: AdministrationError(error).description)
        } catch {
            return .failed(reason: "\(error)")
        }
    }

    private func reply(to request: AdministrationRequest) async throws -> AdministrationReply {
        switch request {
        case .addAccount(let account): try await .account(account: add(account))
        case .listAccounts(let host): try await .accounts(accounts: accounts(of: host))
        case .showAccount(let name): try await .details(details: details(of: account(name)))
        case .setAccount(let name, let changes): try await .account(account: change(account(name), changes))
        case .removeAccount(let name): try await .done(sentence: remove(account(name)))
        case .setPassword(let name, let password): try await .done(sentence: setPassword(password, of: account(name)))
        case .mintToken(let token): try await .minted(token: mint(token))
        case .listTokens(let name): try await .tokens(tokens: tokens(of: name))
        case .revokeToken(let token): try await .done(sentence: revoke(token))
        case .addApp(let app): try await .app(app: add(app))
        case .listApps(let host): try await .apps(apps: apps(of: host))
        case .removeApp(let id, let host): try await .done(sentence: removeApp(id, host: host))
        case .addContact(let name, let contact): try await .done(sentence: addContact(contact, to: name))
        case .removeContact(let name, let contact): try await .done(sentence: removeContact(contact, from: name))
        case .invite(let name, let host, let seconds):
            try await .invited(invitation: invite(name, host: host, seconds: seconds))
        case .listInvitations(let host): try await .invitations(invitations: invitations(of: host).map(\.info))
        case .revokeInvitation(let id): try await .done(sentence: revokeInvitation(id))
        case .explain(let subject, let time): try await .explanations(messages: explain(subject, time))
        case .backUp(let path): try await .done(sentence: backUp(to: path))
        case .reload: try await .changes(changes: running().reload())
        case .plan: try .changes(changes: running().plan())
        case .listContacts(let name): try await .contacts(contacts: contacts(of: account(name)))
        }
    }
}

extension Administration {
    private func running() throws -> Reloader {
        guard let reloader else { throw AdministrationError("no server is running") }
        return reloader
    }
}

// MARK: - Finding accounts

extension Administration {
    /// The account that is meant.
    func account(_ name: AccountName) async throws -> Account {
        let found = try await accounts(named: name)
        guard let account = found.first else {
            throw AdministrationError("there is no account \(name.name)" + (name.host.map { " on \($0)" } ?? ""))
        }
        guard found.count == 1 else {
            let domains = found.map(\.jid.domain).joined(separator: " and ")
            throw AdministrationError("there is an account \(name.name) on \(domains); say which with --host")
        }
        return account
    }

    /// An address goes before an account id, and both before a local part.
    private func accounts(named name: AccountName) async throws -> [Account] {
        let host = try name.host.map(domain)
        if let jid = JID(name.name), jid.hasLocal, !jid.isFull, host == nil || jid.domain == host,
            let account = try await storage.account(jid)
        {
            return [account]
        }
        var found: [Account] = []
        let domains = host.map { [$0] } ?? configuration.hosts.map(\.domain)
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

    /// Where the record in memory of an account is.
    func table(of account: JID) -> AccountTable { server?.hosts[account.domain]?.accounts ?? records }

    /// The record in memory of an account: that of the running host, so that there is no second one.
    func record(of account: Account) async throws -> AccountRecord {
        guard let record = try await table(of: account.jid).load(account.jid) else {
            throw AdministrationError("there is no account \(account.jid) any more")
        }
        return record
    }

    /// The sessions that the account has now.
    func sessions(of jid: JID) -> [ClientSession] {
        server?.hosts[jid.domain]?.accounts.cached(jid)?.sessions ?? []
    }
}
