import XMPP

extension Administration {
    /// How many accounts of a kind there are, and which.
    static let userCommands =
        commands(of: Registered.self) + commands(of: Disabled.self) + commands(of: Online.self)
        + commands(of: Active.self) + commands(of: Idle.self) + [
            Command(
                "account-last-login", "Says when people last signed in to accounts, as far as that is known.",
                for: .administrator, node: Command.node("get-user-lastlogin"), isReading: true,
                .accounts("accounts", help, field: "accountjids")
            ) { call, accounts in
                var found: [LastLogin] = []
                for account in accounts { found.append(try await call.administration.lastLogin(of: account)) }
                return found
            }
        ]

    private static func commands<Group: UserGroup>(of group: Group.Type) -> [Command] {
        [
            Command(
                "\(Group.name)-users-num", "Counts the \(Group.name) accounts.", for: .administrator,
                node: Command.node("get-\(Group.name)-users-num"), isReading: true
            ) { call in UserCount<Group>(count: try await call.administration.users(Group.self).count) },
            Command(
                "\(Group.name)-users-list", "Lists the addresses of the \(Group.name) accounts.", for: .administrator,
                node: Command.node(Group.listNode), isReading: true,
                .choice(
                    "max-items", of: ["25", "50", "75", "100", "150", "200", "none"], default: "none",
                    "How many of them at most.", field: "max_items")
            ) { call, count in
                let users = try await call.administration.users(Group.self)
                return UserList<Group>(addresses: users.prefix(Int(count) ?? .max).map(\.jid.string))
            },
        ]
    }

    private func users<Group: UserGroup>(_ group: Group.Type) async throws -> [Account] {
        try await storage.accounts(host: domain).filter { Group.contains($0, sessions(of: $0.jid)) }
    }

    private func lastLogin(of account: Account) async throws -> LastLogin {
        let record = try await record(of: account)
        let uses = try await storage.tokens(of: account.jid).compactMap(\.lastUsedAt)
        let last = (uses + record.devices.map(\.lastSeen) + record.sessions.map(\.boundAt)).max()
        return LastLogin(jid: account.jid.string, at: last?.xep0082)
    }
}

/// When somebody last signed in to an account.
private struct LastLogin: CommandRecord {
    let jid: String
    /// nil: unknown.
    let at: String?

    static let columns: [CommandColumn<LastLogin>] = [
        .text("jid", "address", field: "accountjids", shape: .address) { $0.jid },
        .text("lastLogin", "last sign-in", field: "lastlogin", shape: .moment, noneInTable: "not known") { $0.at },
    ]
}

/// The number of accounts of a kind.
private struct UserCount<Group: UserGroup>: CommandRecord {
    let count: Int

    static var columns: [CommandColumn<Self>] {
        [.integer("count", .init(list: "\(Group.name) accounts"), field: "\(Group.name)usersnum") { $0.count }]
    }
}

/// The addresses of the accounts of a kind.
private struct UserList<Group: UserGroup>: CommandRecord {
    let addresses: [String]

    static var columns: [CommandColumn<Self>] {
        [
            .texts(
                "accounts", .init(list: "\(Group.name) accounts"), field: "\(Group.name)userjids", shape: .address
            ) { $0.addresses }
        ]
    }

    var text: String { addresses.isEmpty ? "There are none." : addresses.map(printable).joined(separator: "\n") }
}

/// A group of accounts.
private protocol UserGroup: Sendable {
    /// Its name in the nodes of service administration.
    static var name: String { get }
    static var listNode: String { get }
    static func contains(_ account: Account, _ sessions: [ClientSession]) -> Bool
}

extension UserGroup {
    static var listNode: String { "get-\(name)-users-list" }
}

private enum Registered: UserGroup {
    static let name = "registered"
    static func contains(_ account: Account, _ sessions: [ClientSession]) -> Bool { true }
}

private enum Disabled: UserGroup {
    static let name = "disabled"
    static func contains(_ account: Account, _ sessions: [ClientSession]) -> Bool { !account.isEnabled }
}

/// Accounts with a connected session.
private enum Online: UserGroup {
    static let name = "online"
    static func contains(_ account: Account, _ sessions: [ClientSession]) -> Bool {
        sessions.contains { $0.hibernatesSince == nil }
    }
}

/// Accounts with a connected session whose client is active.
private enum Active: UserGroup {
    static let name = "active"
    static let listNode = "get-active-users"
    static func contains(_ account: Account, _ sessions: [ClientSession]) -> Bool {
        sessions.contains { $0.hibernatesSince == nil && !$0.isInactive }
    }
}

/// Accounts with connected sessions, all of whose clients are inactive.
private enum Idle: UserGroup {
    static let name = "idle"
    static let listNode = "get-idle-users"
    static func contains(_ account: Account, _ sessions: [ClientSession]) -> Bool {
        Online.contains(account, sessions) && !Active.contains(account, sessions)
    }
}
