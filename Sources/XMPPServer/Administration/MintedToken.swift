/// A new token. Its text is not stored.
public struct MintedToken: CommandRecord {
    /// The text, which the client shows to sign in.
    public let token: String
    /// The stored data.
    public let info: TokenInfo
}

extension MintedToken {
    public static let columns: [CommandColumn<MintedToken>] = [
        .text("token", "token") { $0.token },
        .record("info") { $0.info },
    ]
}
