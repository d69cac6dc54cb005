import Foundation
import XMPP
import XMPPStream

extension Administration {
    static let accountCommands = [
        Command(
            "account-add", "Adds an account.", for: .administrator, node: Command.node("add-user"),
            .optional(
                .text(
                    "name", "What to call it: an address, an account id, or the first part of an address.",
                    field: "accountjid", kind: .account)),
            .anyHost("The host of the account."),
            .optional(
                .secret(
                    "password", "The password; without it, there is none.", field: "password",
                    verification: "password-verify")),
            .optional(
                .text(
                    "account-id", "A name like an e-mail address, by which people know the account.", field: "email")),
            .optional(
                .text(
                    "id",
                    "The first part of the address; on hosts where people sign in with tokens, a random one.")
            ).further,
            .optional(.text("display-name", "The name that others see.")).further,
            .optional(.file("photo", "A picture: PNG, JPEG, GIF or WebP, up to 64 KiB.")),
            .boolean("keep-history", default: true, "Whether messages are archived: on or off.").further,
            .boolean(
                "admin", default: false,
                "Make the account an administrator: it may manage the accounts of its host."
            ).further
        ) { call, name, host, password, accountID, id, displayName, photo, keepsHistory, isAdministrator in
            try await call.administration.add(
                NewAccount(
                    host: host, name: name, id: id, accountID: accountID, displayName: displayName, photo: photo,
                    keepsHistory: keepsHistory, password: password, isAdministrator: isAdministrator))
        },
        Command(
            "account-list", "Lists accounts.", for: .administrator, isReading: true,
            .anyHost("Only the accounts of this host.")
        ) { call, host in try await call.administration.accounts(of: host) },
        Command(
            "account-show", "Shows an account and, while the server runs, its sessions.", for: .administrator,
            node: Command.node("user-stats"), isReading: true,
            .account("account", help, field: "accountjid")
        ) { call, account in try await call.administration.details(of: account) },
        Command(
            "account-set", "Changes an account.", for: .administrator,
            .account("account", help, field: "accountjid"),
            .optional(
                .text(
                    "account-id",
                    "A name like an e-mail address, by which people know the account; \"\" takes it away.",
                    field: "email")
            ).further,
            .optional(.text("display-name", "The name that others see.")).further,
            .optional(
                .text("personal-message", "What the person says of themselves; \"\" takes it away.")
            ).further,
            .optional(.file("photo", "A picture: PNG, JPEG, GIF or WebP, up to 64 KiB; \"\" takes it away.")),
            .optional(.boolean("keep-history", "Whether messages are archived: on or off.")).further,
            .optional(
                .boolean(
                    "admin", "Whether the account is an administrator: it may manage the accounts of its host.")
            ).further
        ) { call, account, accountID, displayName, personalMessage, photo, keepsHistory, isAdministrator in
            try await call.administration.change(
                account,
                AccountChanges(
                    accountID: accountID, displayName: displayName, personalMessage: personalMessage, photo: photo,
                    keepsHistory: keepsHistory, isAdministrator: isAdministrator))
        },
        Command(
            "account-remove", "Removes an account with all that belongs to it, also from the rosters of its contacts.",
            for: .administrator, node: Command.node("delete-user"),
            .accounts("accounts", help, field: "accountjids")
        ) { call, accounts in
            for account in accounts { try await call.administration.remove(account) }
            return Sentence("\(names(accounts)) \(accounts.count == 1 ? "is" : "are") removed")
        },
        Command(
            "account-password", "Sets an account's password and ends its sessions.", for: .administrator,
            node: Command.node("change-user-password"),
            .account("account", help, field: "accountjid"),
            .optional(.secret("password", "The password; without it, the account has none from now on."))
        ) { call, account, password in
            try await call.administration.setPassword(password, of: account)
            return Sentence(
                password == nil
                    ? "\(account.jid) has no password any more" : "\(account.jid) has a new password")
        },
        Command(
            "account-disable", "Lets nobody sign in to an account, and ends its sessions.", for: .administrator,
            node: Command.node("disable-user"),
            .accounts("accounts", help, field: "accountjids")
        ) { call, accounts in
            for account in accounts { try await call.administration.setEnabled(false, account) }
            return Sentence("\(names(accounts)) \(accounts.count == 1 ? "is" : "are") disabled")
        },
        Command(
            "account-enable", "Lets people sign in to an account again.", for: .administrator,
            node: Command.node("reenable-user"),
            .accounts("accounts", help, field: "accountjids")
        ) { call, accounts in
            for account in accounts { try await call.administration.setEnabled(true, account) }
            return Sentence("\(names(accounts)) \(accounts.count == 1 ? "is" : "are") enabled")
        },
    ]

    /// The ways to name an account.
    static let help = "The account: its address, its account id or the first part of its address."

    private static func names(_ accounts: [Account]) -> String { accounts.map(\.jid.string).joined(separator: ", ") }

    // MARK: Adding

    /// Adds an account.
    public func add(_ wanted: NewAccount) async throws -> AccountInfo { try await add(wanted) { _, _ in [] } }

    /// Adds an account.
    ///
    /// - Parameter further: changes to commit with it.
    func add(
        _ wanted: NewAccount, with further: (JID, Host) throws -> [StorageChange]
    ) async throws -> AccountInfo {
        let address = try address(for: wanted)
        let host = address.host
        if let accountID = address.accountID {
            try await checkIsFree(accountID: accountID, host: host.domain)
        }
        guard try await storage.account(address.jid) == nil else {
            throw AdministrationError("there is an account \(address.jid) already", .conflict)
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
        var changes = try wanted.photo.map { [try self.change(photo: $0, of: account)] } ?? []
        if let host = server.hosts[of: account.jid] { changes += try further(account.jid, host) }
        do throws(StorageError) {
            try await table(of: account.jid).add(account, credentials: credentials, with: changes)
        } catch {
            throw error.kind == .notYet ? AdministrationError(error.diagnosis, .busy) : error
        }
        return AccountInfo(account)
    }

    private struct Address {
        let host: HostConfiguration
        let jid: JID
        let accountID: String?
    }

    /// Determines the host and the names of a new account.
    private func address(for wanted: NewAccount) throws -> Address {
        var accountID = wanted.accountID
        var local = wanted.id
        var domain = wanted.host
        if let name = wanted.name {
            let jid = JID(name)
            if let jid, jid.hasLocal, jid.isFull {
                throw AdministrationError("\(jid) is the address of one session; the account's is \(jid.bare)")
            }
            if let jid, jid.hasLocal, served(jid.domain) != nil {
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

    /// The local part for an account without a given one.
    private func local(_ accountID: String?, _ host: HostConfiguration) throws -> String {
        // Where people sign in with tokens they never type their address, so it need not say who they are.
        if host.authentication.usesTokensAlone {
            return hexadecimal(SecureRandom.bytes(8))
        }
        guard let name = accountID?.prefix(while: { $0 != "@" }), !name.isEmpty else {
            throw AdministrationError("the account needs a name: name an address, or say --id")
        }
        return String(name)
    }

    /// The host of that domain, or the only host.
    func host(_ domain: String?) throws -> HostConfiguration {
        if let domain {
            guard let host = served(try self.domain(domain)) else {
                throw AdministrationError(notServed(domain), .notFound)
            }
            return host
        }
        guard let host = hosts.first, hosts.count == 1 else {
            let domains = hosts.map(\.domain).joined(separator: " or ")
            throw AdministrationError("there are several hosts; say --host \(domains)")
        }
        return host
    }

    private func served(_ domain: String) -> HostConfiguration? { hosts.first { $0.domain == domain } }

    /// Where people sign in with tokens, account ids may have any domain. Elsewhere another domain is a mistake, unless
    /// the host is given.
    private func checkIsAccountID(_ name: JID) throws {
        guard let host = hosts.first, hosts.count == 1, host.authentication.usesTokensAlone
        else { throw AdministrationError("\(notServed(name.domain)) (an account id needs --host)") }
    }

    private func notServed(_ domain: String) -> String {
        let domains = hosts.map(\.domain)
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
            throw AdministrationError("the account id \(accountID) belongs to \(other.jid)", .conflict)
        }
    }

    // MARK: Looking

    func accounts(of host: String?) async throws -> [AccountInfo] {
        let host = try host.map { try self.host($0).domain }
        return try await storage.accounts(host: host ?? domain).map(AccountInfo.init)
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
            sessions: server.listens ? sessions : nil
        )
    }

    // MARK: Changing

    /// Changes an account.
    public func change(_ account: Account, _ wanted: AccountChanges) async throws -> AccountInfo {
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
        let changes = try wanted.photo.map { [try change(photo: $0, of: account)] } ?? []
        let record = try await record(of: account)
        guard let host = server.hosts[of: account.jid] else {
            return AccountInfo(try await record.update(update, with: changes))
        }
        return AccountInfo(try await host.change(record, update, with: changes))
    }

    private func change(photo: Data, of account: Account) throws -> StorageChange {
        if photo.isEmpty { return .removeValue(store: AccountPhoto.store, owner: account.jid, key: "") }
        guard photo.count <= AccountPhoto.maximumSize else {
            throw AdministrationError(
                "the photo has \(photo.count) bytes; it may have \(AccountPhoto.maximumSize)")
        }
        guard let photo = AccountPhoto(Array(photo)) else {
            throw AdministrationError("the photo is neither PNG nor JPEG nor GIF nor WebP")
        }
        return .putValue(store: AccountPhoto.store, owner: account.jid, key: "", photo.stored)
    }

    /// Allows or forbids signing in to an account. While it is forbidden its sessions end and its grants are not
    /// honoured.
    func setEnabled(_ isEnabled: Bool, _ account: Account) async throws {
        let record = try await record(of: account)
        _ = try await record.update(AccountUpdate(isEnabled: isEnabled))
        guard !isEnabled else { return }
        for session in record.sessions { session.end(.notAuthorized) }
    }

    // MARK: Passwords

    /// Sets a password; nil: removes it. The account's tokens are removed and its sessions end.
    public func setPassword(_ password: String?, of account: Account) async throws {
        var credentials: [SCRAMCredential] = []
        if let password {
            credentials = try await self.credentials(password: password, of: account.jid, host(account.jid.domain))
        }
        guard let host = server.hosts[of: account.jid] else {
            throw AdministrationError(notServed(account.jid.domain), .notFound)
        }
        try await host.setCredentials(credentials, of: account.jid)
    }

    private func credentials(
        password: String, of account: JID, _ host: HostConfiguration
    ) async throws -> [SCRAMCredential] {
        switch await server.keyMaker.credentials(of: password, for: account, host.authentication) {
        case .success(let credentials): return credentials
        case .failure(.notAcceptable):
            throw AdministrationError("the password is empty or has characters that no password may have")
        case .failure:
            throw AdministrationError("too many passwords are being set; try again in a moment", .busy)
        }
    }

    // MARK: Removing

    /// Removes an account from the rosters of its contacts, then itself.
    public func remove(_ account: Account) async throws {
        let record = try await record(of: account)
        for contact in record.withRoster({ $0.items.map(\.jid) }) {
            try await part(record, contact)
        }
        if let host = server.hosts[of: account.jid] {
            try await host.removeAccount(account.jid)
        } else {
            // Removes what is left of an account whose host is not served any more.
            try await storage.commit([.removeAccount(account.jid)])
            table(of: account.jid).remove(account.jid)
        }
    }
}

/// Two hexadecimal digits for each byte.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
