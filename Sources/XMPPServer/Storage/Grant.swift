import XMPP

/// The access that a person has granted to an app, RFC 6749 §1.3, from the consent until the person or the app revokes
/// it. All tokens that the app gets belong to it.
public struct Grant: Sendable, Equatable {
    /// The refresh token of a grant, RFC 6749 §6. Each refresh token is valid once. All refresh tokens of one consent
    /// begin alike, so that a used one can be told from one that never existed.
    public struct Refresh: Sendable, Equatable {
        /// SHA-256 of the common beginning of all refresh tokens of the grant.
        public let family: [UInt8]
        /// SHA-256 of the valid one.
        public let current: [UInt8]

        /// The refresh token with that digest, of that family.
        public init(family: [UInt8], current: [UInt8]) {
            self.family = family
            self.current = current
        }
    }

    /// Identifies the grant; not secret.
    public let id: String
    /// The bare JID of the account.
    public let account: JID
    /// The id of the app.
    public let app: String
    /// What the app may do.
    public let scopes: Set<String>
    /// When the person agreed.
    public let createdAt: Timestamp
    /// When the grant expires, unless it is renewed.
    public let expiresAt: Timestamp
    /// nil: the app has to ask the person again.
    public let refresh: Refresh?
    /// When the app last got a token or signed in, accurate to some minutes.
    public let lastUsedAt: Timestamp

    /// A grant by the account with the bare form of `account`.
    public init(
        id: String,
        account: JID,
        app: String,
        scopes: Set<String>,
        createdAt: Timestamp,
        expiresAt: Timestamp,
        refresh: Refresh? = nil,
        lastUsedAt: Timestamp? = nil
    ) {
        self.id = id
        self.account = account.bare
        self.app = app
        self.scopes = scopes
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.refresh = refresh
        self.lastUsedAt = lastUsedAt ?? createdAt
    }
}
