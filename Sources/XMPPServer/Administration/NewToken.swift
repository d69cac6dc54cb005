/// A token to make.
public struct NewToken: Sendable {
    /// The account that it signs in to.
    public var account: AccountName
    /// The scopes; nil: those that the host requires.
    public var scopes: [String]?
    /// Its lifetime in seconds; nil: unlimited.
    public var seconds: Int64?
    /// What it is for, in words for people.
    public var label: String?

    /// The default lifetime: an hour, as in the Messenger service.
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
