import XMPP

/// An account on one host.
public struct Account: Sendable, Equatable {
    /// The bare JID, the account's address. Never changes.
    public let jid: JID
    /// The account's second, e-mail-like name (`mary@contoso.example`): unique on its host and stored in normal form.
    /// nil: none.
    public var accountID: String? {
        didSet { accountID = accountID.map(Self.normal) }
    }
    /// The name shown to others; may be empty.
    public var displayName: String
    /// A personal message, used as the status of presence that has none; may be empty.
    public var personalMessage: String
    /// Whether messages from and to the account are archived.
    public var keepsHistory: Bool
    /// Whether the account may manage the accounts of its host (`Command.Audience.administrator`).
    public var isAdministrator: Bool
    /// Whether signing in to it is allowed.
    public var isEnabled: Bool
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
        isEnabled: Bool = true,
        createdAt: Timestamp
    ) {
        self.jid = jid.bare
        self.accountID = accountID.map(Self.normal)
        self.displayName = displayName
        self.personalMessage = personalMessage
        self.keepsHistory = keepsHistory
        self.isAdministrator = isAdministrator
        self.isEnabled = isEnabled
        self.createdAt = createdAt
    }
}

extension Account {
    /// The normal form of an account id, used for storage and look-up. Both parts are prepared like those of an
    /// address, so case, Unicode composition and Punycode make no difference.
    public static func normal(_ accountID: String) -> String { normalized(accountID) ?? accountID.lowercased() }

    /// Whether a text can be an account id: one word, or two with an `@` between them.
    public static func isValid(accountID: String) -> Bool { normalized(accountID) != nil }

    private static func normalized(_ accountID: String) -> String? {
        guard accountID.utf8.count <= 2 * JID.maximumPartByteCount else { return nil }
        let parts = accountID.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
        guard let name = parts.first.flatMap(PRECIS.usernameCaseMapped) else { return nil }
        switch parts.count {
        case 1: return name
        case 2: return normalDomain(parts[1]).map { "\(name)@\($0)" }
        default: return nil
        }
    }
}
