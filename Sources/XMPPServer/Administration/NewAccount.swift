import Foundation

/// An account to add.
public struct NewAccount: Sendable {
    /// The domain; nil: that of `name`, or the only host.
    public var host: String?
    /// A JID, an account id or a local part, recognised by its form. The other properties take precedence.
    public var name: String?
    /// The local part of the JID; nil: that of `name`, or made from the account id, or random where people never type
    /// an address to sign in.
    public var id: String?
    /// The e-mail-like name.
    public var accountID: String?
    /// The name shown to others; nil: none.
    public var displayName: String?
    /// The picture's file.
    public var photo: Data?
    /// Whether messages are archived; nil: the default of the host.
    public var keepsHistory: Bool?
    /// The password; nil: none.
    public var password: String?
    /// Whether the account is an administrator.
    public var isAdministrator: Bool

    /// An account with these properties.
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
