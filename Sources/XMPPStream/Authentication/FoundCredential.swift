/// The keys to verify a client's proof.
public struct FoundCredential: Sendable {
    public let credential: SCRAMCredential
    /// Their account; nil: there is none, and nothing verifies against them.
    public let account: (any StreamAccount)?

    public init(_ credential: SCRAMCredential, of account: (any StreamAccount)?) {
        self.credential = credential
        self.account = account
    }
}

/// A verified password.
public struct VerifiedPassword: Sendable {
    /// The local part of the account.
    public let user: String
    public let account: any StreamAccount

    public init(user: String, account: any StreamAccount) {
        self.user = user
        self.account = account
    }
}

/// A verified installation token. A class, as a stream has space for one and mostly has none.
public final class VerifiedInstallation: Sendable {
    /// The local part of the account.
    public let user: String
    public let account: any StreamAccount
    /// Identifies the token.
    public let token: [UInt8]
    public let proof: TokenProof
    /// Proves to the client that the server knows the token.
    public let response: [UInt8]

    public init(user: String, account: any StreamAccount, token: [UInt8], proof: TokenProof, response: [UInt8]) {
        self.user = user
        self.account = account
        self.token = token
        self.proof = proof
        self.response = response
    }
}
