import XMPP

/// A token, without its text.
public struct TokenInfo: CommandRecord, Equatable {
    /// The first digits of the digest, or the id of the device that has the token.
    public let id: String
    public let account: String
    public let scopes: [String]
    public let createdAt: String
    /// nil: never.
    public let expiresAt: String?
    public let isExpired: Bool
    public let label: String?
    /// The name of the app or client that got it; nil: an administrator made it.
    public let app: String?
    /// When it was last used to sign in; nil: never.
    public let lastUsedAt: String?
}

extension TokenInfo {
    public static let columns: [CommandColumn<TokenInfo>] = [
        .text("id", "id") { $0.id },
        .text("account", "address", shape: .address) { $0.account },
        .text("app", .init(table: "app")) { $0.app },
        .texts("scopes", "scopes") { $0.scopes },
        .text("createdAt", .init(table: "made"), shape: .moment) { $0.createdAt },
        .text("lastUsedAt", .init(table: "last use"), shape: .moment) { $0.lastUsedAt },
        .text("expiresAt", .hidden, shape: .moment) { $0.expiresAt },
        .boolean("isExpired", .hidden) { $0.isExpired },
        .display("expires") { $0.expiry },
        .text("label", "label") { $0.label },
    ]
    public static let none = "There are no tokens."

    private var expiry: String {
        guard let expiresAt else { return "never" }
        return isExpired ? "\(expiresAt), is void" : expiresAt
    }
}
