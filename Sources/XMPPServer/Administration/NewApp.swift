/// An app to register.
public struct NewApp: Sendable {
    /// The domain; nil: the only host.
    public var host: String?
    /// nil: a random one.
    public var id: String?
    /// The name shown to people.
    public var name: String
    /// The redirect addresses.
    public var redirects: [String]
    /// The scopes it may ask for; empty: all.
    public var scopes: [String]
    /// Whether it is a service that can keep a secret (a confidential client).
    public var hasSecret: Bool

    /// An app with that name.
    public init(
        host: String? = nil, id: String? = nil, name: String, redirects: [String] = [], scopes: [String] = [],
        hasSecret: Bool = false
    ) {
        self.host = host
        self.id = id
        self.name = name
        self.redirects = redirects
        self.scopes = scopes
        self.hasSecret = hasSecret
    }
}
