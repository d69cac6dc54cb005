/// An app to be registered.
public struct NewApp: Sendable {
    /// The domain; nil: the only host.
    public var host: String?
    /// nil: a random one.
    public var id: String?
    /// What people know it by.
    public var name: String
    /// Where people are sent back to.
    public var redirects: [String]
    /// What it may ask for; empty: all that there is.
    public var scopes: [String]
    /// Whether it is a service that can keep a secret.
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
