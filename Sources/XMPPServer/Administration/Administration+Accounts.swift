import Foundation
import XMPP
import XMPPStream

extension Administration {
    // MARK: Adding

    func add(_ wanted: NewAccount) async throws -> AccountInfo {
        let address = try address(for: wanted)
        let host = address.host
        if let accountID = address.accountID {
            try await checkIsFree(accountID: accountID, host: host.domain)
        }
        guard try await storage.account(address.jid) == nil else {
            throw AdministrationError("there is an account \(address.jid) already")
        }
        let account = Account(
            jid: address.jid,
            accountID: address.accountID,
            displayName: wanted.displayName ?? "",
            keepsHistory: wanted.keepsHistory ?? true,
            isAdministrator: wanted.isAdministrator,
            createdAt: now()
        )
        var credentials: [SCRAMCredential] = []
        if let password = wanted.password {
            credentials = try await self.credentials(password: password, of: account.jid, host)
        }
        let photo = try wanted.photo.map { try self.change(photo: $0, of: account) }
        do throws(StorageError) {
            try await table(of: account.jid).add(account, credentials: credentials, with: photo.map { [$0] } ?? [])
        } catch {
            throw error.kind == .notYet ? AdministrationError(error.diagnosis) : error
        }
        server?.authenticator.accountAdded(account.jid)
        return AccountInfo(account)
    }

    private struct Address {
        let host: HostConfiguration
        let jid: JID
        let accountID: String?
    }

    /// Makes out from what was said where the account is to be and what it is to be called.
    private func address(for wanted: NewAccount) throws -> Address {
        var accountID = wanted.accountID
        var local = wanted.id
        var domain = wanted.host
        if let name = wanted.name {
            let jid = JID(name)
            if let jid, jid.hasLocal, jid.isFull {
                throw AdministrationError("\(jid) is the address of one session; the account's is \(jid.bare)")
            }
            if let jid, jid.hasLocal, configuration.host(jid.domain) != nil {
                local = local ?? jid.local
                domain = domain ?? jid.domain
            } else if name.contains("@") {
                if let jid, domain == nil { try checkIsAccountID(jid) }
                accountID = accountID ?? name
            } else {
                local = local ?? name
            }
        }
        let host = try host(domain)
        if let accountID { try check(accountID: accountID) }
        let id = try local ?? self.local(accountID, host)
        guard let jid = JID(local: id, domain: host.domain, resource: nil) else {
            throw AdministrationError("\"\(id)\" cannot be the local part of an address")
        }
        return Address(host: host, jid: jid, accountID: accountID)
    }

    /// The local part of an account that was given none.
    private func local(_ accountID: String?, _ host: HostConfiguration) throws -> String {
        // Where people sign in with tokens they never type their address: it need not tell who they are.
        if host.authentication.usesTokensAlone {
            return hexadecimal(SecureRandom.bytes(8))
        }
        guard let name = accountID?.prefix(while: { $0 != "@" }), !name.isEmpty else {
            throw AdministrationError("the account needs a name: name an address, or say --id")
        }
        return String(name)
    }

    /// The host that is meant: the only one, if none is named.
    func host(_ domain: String?) throws -> HostConfiguration {
        if let domain {
            guard let host = configuration.host(try self.domain(domain)) else {
                throw AdministrationError(notServed(domain))
            }
            return host
        }
        guard let host = configuration.hosts.first, configuration.hosts.count == 1 else {
            let domains = configuration.hosts.map(\.domain).joined(separator: " or ")
            throw AdministrationError("there are several hosts; say --host \(domains)")
        }
        return host
    }

    /// Where people sign in with tokens, they know each other by names with any domain. Elsewhere it is a slip of the pen,
    /// unless the host was named.
    private func checkIsAccountID(_ name: JID) throws {
        guard configuration.hosts.count == 1, configuration.hosts[0].authentication.usesTokensAlone
        else { throw AdministrationError("\(notServed(name.domain)) (an account id needs --host)") }
    }

    private func notServed(_ domain: String) -> String {
        let domains = configuration.hosts.map(\.domain)
        let nearest = nearestWord(to: domain, among: domains).map { " — did you mean \"\($0)\"?" }
        return "\(domain) is not served here" + (nearest ?? "; the hosts are \(domains.joined(separator: ", "))")
    }

    private func check(accountID: String) throws {
        guard Account.isValid(accountID: accountID) else {
            throw AdministrationError("\"\(accountID)\" is no account id; write one such as mary@contoso.example")
        }
    }

    private func checkIsFree(accountID: String, host: String, for account: JID? = nil) async throws {
        if let other = try await storage.account(host: host, accountID: accountID), other.jid != account {
            throw AdministrationError("the account id \(accountID) belongs to \(other.jid)")
        }
    }

    // MARK: Looking

    func accounts(of host: String?) async throws -> [AccountInfo] {
        let host = try host.map { try self.host($0).domain }
        return try await storage.accounts(host: host).map(AccountInfo.init)
    }

    func details(of account: Account) async throws -> AccountDetails {
        let sessions = sessions(of: account.jid).map { session in
            AccountDetails.Session(
                resource: session.jid.resource ?? "", since: session.boundAt.xep0082, priority: session.priority)
        }
        return AccountDetails(
            account: AccountInfo(account),
            hasPassword: try await !storage.credentials(account.jid).isEmpty,
            hasPhoto: try await storage.value(AccountPhoto.store, account.jid, key: "") != nil,
            tokens: try await storage.tokens(of: account.jid).count,
            contacts: try await storage.roster(of: account.jid).items.count,
            sessions: server == nil ? nil : sessions
        )
    }

    // MARK: Changing

    func change(_ account: Account, _ wanted: AccountChanges) async throws -> AccountInfo {
        var update = AccountUpdate(
            displayName: wanted.displayName, personalMessage: wanted.personalMessage, keepsHistory: wanted.keepsHistory,
            isAdministrator: wanted.isAdministrator)
        if let accountID = wanted.accountID {
            if accountID.isEmpty {
                update.accountID = .removed
            } else {
                try check(accountID: accountID)
                try await checkIsFree(accountID: accountID, host: account.jid.domain, for: account.jid)
                update.accountID = .set(accountID)
            }
        }
        let photo = try wanted.photo.map { try change(photo: $0, of: account) }
        let host = server?.hosts[account.jid.domain]
        let changed = try await record(of: account).update(update, with: photo.map { [$0] } ?? []) { account in
            host?.accountDidChange(account)
        }
        return AccountInfo(changed)
    }

    private func change(photo: Data, of account: Account) throws -> StorageChange {
        if photo.isEmpty { return .removeValue(store: AccountPhoto.store, owner: account.jid, key: "") }
        guard photo.count <= AccountPhoto.maximumSize else {
            throw AdministrationError(
                "the photo has \(photo.count) bytes; it may have \(AccountPhoto.maximumSize)")
        }
        guard let photo = AccountPhoto(Array(photo)) else {
            throw AdministrationError("the photo is neither PNG nor JPEG nor GIF")
        }
        return .putValue(store: AccountPhoto.store, owner: account.jid, key: "", photo.stored)
    }

    // MARK: Passwords

    func setPassword(_ password: String?, of account: Account) async throws -> String {
        var credentials: [SCRAMCredential] = []
        if let password {
            credentials = try await self.credentials(password: password, of: account.jid, host(account.jid.domain))
        }
        if let host = server?.hosts[account.jid.domain] {
            try await host.setCredentials(credentials, of: account.jid)
        } else {
            try await storage.commit(Host.changes(settingCredentials: credentials, of: account.jid))
        }
        return password == nil
            ? "\(account.jid) has no password any more" : "\(account.jid) has a new password"
    }

    private func credentials(
        password: String, of account: JID, _ host: HostConfiguration
    ) async throws -> [SCRAMCredential] {
        let unfit = AdministrationError("the password is empty or has characters that no password may have")
        guard let server else {
            // Nobody else waits here.
            guard let credentials = host.authentication.makeCredentials(password) else { throw unfit }
            return credentials
        }
        switch await server.keyMaker.credentials(of: password, for: account, host.authentication) {
        case .success(let credentials): return credentials
        case .failure(.notAcceptable): throw unfit
        case .failure: throw AdministrationError("too many passwords are being set; try again in a moment")
        }
    }

    // MARK: Removing

    /// Removes an account from the rosters of its contacts, then itself.
    func remove(_ account: Account) async throws -> String {
        let record = try await record(of: account)
        for contact in record.withRoster({ $0.items.map(\.jid) }) {
            try await part(record, contact)
        }
        if let host = server?.hosts[account.jid.domain] {
            try await host.removeAccount(account.jid)
        } else {
            try await storage.commit(Host.changes(removing: account.jid, in: storage))
            table(of: account.jid).remove(account.jid)
        }
        return "\(account.jid) is removed"
    }
}

/// Two digits for each byte.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
