import XMPP

/// A person's record on one host.
public struct Account: Sendable, Equatable {
    /// The bare JID, the account's address. Never changes.
    public let jid: JID
    /// The name that people know the account by, like an e-mail address (`mary@contoso.example`); unique on its host
    /// and kept in lower case. nil: none.
    public var accountID: String? {
        didSet { accountID = accountID?.lowercased() }
    }
    /// The name shown to others; may be empty.
    public var displayName: String
    /// What the person says of themselves, shown as the status of presence that has none; may be empty.
    public var personalMessage: String
    /// Whether messages from and to the account are archived.
    public var keepsHistory: Bool
    /// Whether the account may use the commands of administrators.
    public var isAdministrator: Bool
    /// When the account was added.
    public let createdAt: Timestamp

    /// An account with the bare form of `jid`.
    public init(
        jid: JID,
        accountID: String? = nil,
        displayName: String = "",
        personalMessage: String = "",
        keepsHistory: Bool = true,
        isAdministrator: Bool = false,
        createdAt: Timestamp
    ) {
        self.jid = jid.bare
        self.accountID = accountID?.lowercased()
        self.displayName = displayName
        self.personalMessage = personalMessage
        self.keepsHistory = keepsHistory
        self.isAdministrator = isAdministrator
        self.createdAt = createdAt
    }
}
