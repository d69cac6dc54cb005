/// The access token that a client has signed in with.
public struct VerifiedToken: Sendable, Hashable {
    /// The local part of the account that it signs in.
    public let user: String
    /// SHA-256 of its text.
    public let digest: [UInt8]
    /// The id of its grant; nil: none.
    public let grant: String?
    /// Its scopes.
    public let scopes: Set<String>

    /// The token with that digest.
    public init(user: String, digest: [UInt8], grant: String?, scopes: Set<String> = []) {
        self.user = user
        self.digest = digest
        self.grant = grant
        self.scopes = scopes
    }
}
