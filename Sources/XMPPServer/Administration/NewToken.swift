/// A token to be made.
public struct NewToken: Sendable {
    /// Whom it signs in.
    public var account: AccountName
    /// What it allows; nil: what the account's host asks for.
    public var scopes: [String]?
    /// The seconds after which it is void; nil: never.
    public var seconds: Int64?
    /// What it is for, for people to read.
    public var label: String?

    /// How long a token lasts unless something else is asked for: an hour, as the Messenger service had it.
    public static let standardSeconds: Int64 = 3600

    /// A token for an account.
    public init(
        account: AccountName, scopes: [String]? = nil, seconds: Int64? = standardSeconds, label: String? = nil
    ) {
        self.account = account
        self.scopes = scopes
        self.seconds = seconds
        self.label = label
    }
}
