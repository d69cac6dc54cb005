import XMPP

/// What a person has let an app do, RFC 6749 §1.3: from the consent until the person, or the app, takes it back. All
/// tokens that the app gets on the strength of it hang on it.
public struct Grant: Sendable, Equatable {
    /// How an app renews its access tokens, RFC 6749 §6. Each refresh token is good for once; all that follow from one
    /// consent begin alike, so that one that was good earlier can be told from one that never was.
    public struct Refresh: Sendable, Equatable {
        /// SHA-256 of what all refresh tokens of the grant begin with.
        public let family: [UInt8]
        /// SHA-256 of the one that is good now.
        public let current: [UInt8]

        /// The refresh token with that digest, of that family.
        public init(family: [UInt8], current: [UInt8]) {
            self.family = family
            self.current = current
        }
    }

    /// Identifies the grant; no secret.
    public let id: String
    /// The bare JID of the account.
    public let account: JID
    /// The id of the app.
    public let app: String
    /// What the app may do.
    public let scopes: Set<String>
    /// When the person agreed.
    public let createdAt: Timestamp
    /// From when on the grant is void, unless it is renewed.
    public let expiresAt: Timestamp
    /// nil: the app has to ask the person again.
    public let refresh: Refresh?
    /// When the app last got a token or signed in, give or take some minutes.
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
