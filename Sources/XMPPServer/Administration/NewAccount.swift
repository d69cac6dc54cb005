import Foundation

/// An account to be added.
public struct NewAccount: Sendable {
    /// The domain; nil: the one that `name` tells, or the only host.
    public var host: String?
    /// A JID, an account id or a local part, whichever it looks like; what is said beside it goes first.
    public var name: String?
    /// The local part of the JID; nil: that of `name`, or made from the account id, or random where nobody ever
    /// types an address to sign in.
    public var id: String?
    /// The name like an e-mail address.
    public var accountID: String?
    /// The name shown to others; nil: none.
    public var displayName: String?
    /// The picture's file.
    public var photo: Data?
    /// Whether messages are archived; nil: as the account's type has it.
    public var keepsHistory: Bool?
    /// The password; nil: none.
    public var password: String?
    /// Whether the account may use the commands of administrators.
    public var isAdministrator: Bool

    /// An account of which only that is known.
    public init(
        host: String? = nil,
        name: String? = nil,
        id: String? = nil,
        accountID: String? = nil,
        displayName: String? = nil,
        photo: Data? = nil,
        keepsHistory: Bool? = nil,
        password: String? = nil,
        isAdministrator: Bool = false
    ) {
        self.host = host
        self.name = name
        self.id = id
        self.accountID = accountID
        self.displayName = displayName
        self.photo = photo
        self.keepsHistory = keepsHistory
        self.password = password
        self.isAdministrator = isAdministrator
    }
}
