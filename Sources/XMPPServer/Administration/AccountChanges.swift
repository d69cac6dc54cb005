import Foundation

/// What is to be different about an account; nil leaves a thing as it is.
public struct AccountChanges: Sendable {
    /// Empty: none from now on.
    public var accountID: String?
    public var displayName: String?
    /// What the person says of themselves; empty: nothing.
    public var personalMessage: String?
    /// The picture's file; empty: no picture from now on.
    public var photo: Data?
    public var keepsHistory: Bool?
    public var isAdministrator: Bool?

    /// Changes of some things.
    public init(
        accountID: String? = nil,
        displayName: String? = nil,
        personalMessage: String? = nil,
        photo: Data? = nil,
        keepsHistory: Bool? = nil,
        isAdministrator: Bool? = nil
    ) {
        self.accountID = accountID
        self.displayName = displayName
        self.personalMessage = personalMessage
        self.photo = photo
        self.keepsHistory = keepsHistory
        self.isAdministrator = isAdministrator
    }
}
