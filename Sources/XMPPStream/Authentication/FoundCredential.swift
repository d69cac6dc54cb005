/// The keys that a client's proof is held against.
public struct FoundCredential: Sendable {
    public let credential: SCRAMCredential
    /// Where they were found; nil: nowhere, and nothing will verify against them.
    public let account: (any StreamAccount)?

    public init(_ credential: SCRAMCredential, of account: (any StreamAccount)?) {
        self.credential = credential
        self.account = account
    }
}

/// Somebody whose password is right.
public struct VerifiedPassword: Sendable {
    /// The local part of the account.
    public let user: String
    public let account: any StreamAccount

    public init(user: String, account: any StreamAccount) {
        self.user = user
        self.account = account
    }
}

/// A client whose installation has shown to know its token. A class, as a stream has room for one and most often none.
public final class VerifiedInstallation: Sendable {
    /// The local part of the account.
    public let user: String
    public let account: any StreamAccount
    /// Identifies the token.
    public let token: [UInt8]
    public let proof: TokenProof
    /// What proves to the client that the server knows the token, too.
    public let response: [UInt8]

    public init(user: String, account: any StreamAccount, token: [UInt8], proof: TokenProof, response: [UInt8]) {
        self.user = user
        self.account = account
        self.token = token
        self.proof = proof
        self.response = response
    }
}
