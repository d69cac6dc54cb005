/// Changes to an account's settings; nil leaves a setting as it is. Concurrent updates of different settings do not
/// undo each other.
public struct AccountUpdate: Sendable, Equatable {
    /// A change of the account id.
    public enum AccountID: Sendable, Equatable {
        /// Sets this one, in normal form.
        case set(String)
        /// Removes it.
        case removed

        /// The new account id in normal form; nil: it is removed.
        public var value: String? {
            if case .set(let text) = self { Account.normal(text) } else { nil }
        }
    }

    /// See `Account.accountID`.
    public var accountID: AccountID?
    /// See `Account.displayName`.
    public var displayName: String?
    /// See `Account.personalMessage`.
    public var personalMessage: String?
    /// See `Account.keepsHistory`.
    public var keepsHistory: Bool?
    /// See `Account.isAdministrator`.
    public var isAdministrator: Bool?
    /// See `Account.isEnabled`.
    public var isEnabled: Bool?

    /// An update of some settings.
    public init(
        accountID: AccountID? = nil,
        displayName: String? = nil,
        personalMessage: String? = nil,
        keepsHistory: Bool? = nil,
        isAdministrator: Bool? = nil,
        isEnabled: Bool? = nil
    ) {
        self.accountID = accountID
        self.displayName = displayName
        self.personalMessage = personalMessage
        self.keepsHistory = keepsHistory
        self.isAdministrator = isAdministrator
        self.isEnabled = isEnabled
    }
}

extension Account {
    /// Applies the settings that the update names.
    public mutating func apply(_ update: AccountUpdate) {
        if let accountID = update.accountID { self.accountID = accountID.value }
        if let displayName = update.displayName { self.displayName = displayName }
        if let personalMessage = update.personalMessage { self.personalMessage = personalMessage }
        if let keepsHistory = update.keepsHistory { self.keepsHistory = keepsHistory }
        if let isAdministrator = update.isAdministrator { self.isAdministrator = isAdministrator }
        if let isEnabled = update.isEnabled { self.isEnabled = isEnabled }
    }
}
