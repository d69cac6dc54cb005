/// A token that was just made. Its text is not known to anybody afterwards.
public struct MintedToken: CommandRecord {
    /// What the client shows to sign in.
    public let token: String
    /// What the store knows of it.
    public let info: TokenInfo
}

extension MintedToken {
    public static let columns: [CommandColumn<MintedToken>] = [
        .text("token", "token") { $0.token },
        .record("info") { $0.info },
    ]
}
