import Foundation

/// Changes to an account; nil leaves a property as it is.
public struct AccountChanges: Sendable {
    /// Empty: it is removed.
    public var accountID: String?
    public var displayName: String?
    /// The personal message; empty: it is removed.
    public var personalMessage: String?
    /// The picture's file; empty: it is removed.
    public var photo: Data?
    public var keepsHistory: Bool?
    public var isAdministrator: Bool?

    /// The given changes.
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
