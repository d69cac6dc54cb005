import XMPP

/// An access token, known by its digest: the text is never stored.
public struct Token: Sendable, Equatable {
    /// SHA-256 of the token's text; identifies the token.
    public let digest: [UInt8]
    /// The bare JID of the account that the token signs in.
    public let account: JID
    /// What the token allows.
    public let scopes: Set<String>
    /// When the token was made.
    public let createdAt: Timestamp
    /// When the token expires; nil: never.
    public let expiresAt: Timestamp?
    /// What the token is for, in words for people.
    public let label: String?
    /// The id of the grant that it belongs to; nil: an administrator made it.
    public let grant: String?
    /// When it was last used to sign in, accurate to some minutes; nil: never.
    public let lastUsedAt: Timestamp?

    /// A token of the account with the bare form of `account`.
    public init(
        digest: [UInt8],
        account: JID,
        scopes: Set<String>,
        createdAt: Timestamp,
        expiresAt: Timestamp? = nil,
        label: String? = nil,
        grant: String? = nil,
        lastUsedAt: Timestamp? = nil
    ) {
        self.digest = digest
        self.account = account.bare
        self.scopes = scopes
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.label = label
        self.grant = grant
        self.lastUsedAt = lastUsedAt
    }
}
