import XMPP

/// An account with its sessions and counts.
public struct AccountDetails: CommandRecord {
    /// A bound resource.
    public struct Session: CommandRecord {
        public let resource: String
        /// When it was bound.
        public let since: String
        /// The priority of its presence; nil: it is not available.
        public let priority: Int?

        public static let columns: [CommandColumn<Session>] = [
            .text("resource", "resource") { $0.resource },
            .text("since", "since", shape: .moment) { $0.since },
            .integer("priority", "priority", noneInTable: "not available") { $0.priority },
        ]
        public static let none = "There are no sessions."
    }

    public let account: AccountInfo
    public let hasPassword: Bool
    public let hasPhoto: Bool
    /// The number of tokens, including expired ones.
    public let tokens: Int
    /// The number of contacts.
    public let contacts: Int
    /// Its present sessions; nil: no server is running.
    public let sessions: [Session]?
}

extension AccountDetails {
    public static let columns: [CommandColumn<AccountDetails>] = [
        .record("account") { $0.account },
        .boolean("hasPassword", "password") { $0.hasPassword },
        .boolean("hasPhoto", "photo") { $0.hasPhoto },
        .integer("tokens", "tokens") { $0.tokens },
        .integer("contacts", "contacts", field: "rostersize") { $0.contacts },
        .records("sessions", field: "onlineresources", title: "sessions") { $0.sessions },
    ]
}
