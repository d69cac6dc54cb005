/// Settings of an account that become others; nil leaves one as it is. Updates that are made at the same time never undo each
/// other, as none has what it does not change.
public struct AccountUpdate: Sendable, Equatable {
    /// What becomes of an account id.
    public enum AccountID: Sendable, Equatable {
        /// It is this one, in its normal form.
        case set(String)
        /// There is none any more.
        case removed

        /// The account id in its normal form, or nil if there is none any more.
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
    /// Changes the settings that the update names.
    public mutating func apply(_ update: AccountUpdate) {
        if let accountID = update.accountID { self.accountID = accountID.value }
        if let displayName = update.displayName { self.displayName = displayName }
        if let personalMessage = update.personalMessage { self.personalMessage = personalMessage }
        if let keepsHistory = update.keepsHistory { self.keepsHistory = keepsHistory }
        if let isAdministrator = update.isAdministrator { self.isAdministrator = isAdministrator }
        if let isEnabled = update.isEnabled { self.isEnabled = isEnabled }
    }
}
