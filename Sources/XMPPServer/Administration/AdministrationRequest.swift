import Foundation

/// What an administrator may ask for. Accounts are named by their JID, their account id or, on a host that is clear
/// from the context, their local part.
///
/// On the administration socket a request is one line of JSON, its reply another.
public enum AdministrationRequest: Codable, Sendable {
    case addAccount(account: NewAccount)
    /// All accounts, or those of a host.
    case listAccounts(host: String?)
    case showAccount(account: AccountName)
    case setAccount(account: AccountName, changes: AccountChanges)
    case removeAccount(account: AccountName)
    /// Sets the password; nil: the account has none from now on. Its tokens are void, its sessions end.
    case setPassword(account: AccountName, password: String?)

    case mintToken(token: NewToken)
    /// The tokens of an account; nil: those of all accounts.
    case listTokens(account: AccountName?)
    /// Revokes the token that is given itself or by its id (see `TokenInfo`). Ends the sessions that it has opened.
    case revokeToken(token: String)

    /// Registers an app that may ask people for access.
    case addApp(app: NewApp)
    /// The apps of a host; nil: those of all hosts.
    case listApps(host: String?)
    /// Removes an app. What people had let it do is taken back, the sessions that it has opened end.
    case removeApp(id: String, host: String?)

    /// Makes the two contacts of each other, with subscriptions both ways.
    case addContact(account: AccountName, contact: AccountName)
    /// Removes each of the two from the other's roster.
    case removeContact(account: AccountName, contact: AccountName)
    case listContacts(account: AccountName)

    /// Makes an invitation to an account's roster; nil: to the host alone.
    case invite(account: AccountName?, host: String?, seconds: Int64)
    /// The invitations of a host that are not void; nil: those of all hosts.
    case listInvitations(host: String?)
    /// Takes back the invitation with that id, see `InvitationInfo`.
    case revokeInvitation(id: String)

    /// Has the server go by its configuration file as it is now.
    case reload
    /// What that would change.
    case plan

    /// What became of messages: of that with this id, or of those from and to this account.
    ///
    /// - Parameter time: only what came within a minute of that moment, as in XEP-0082.
    case explain(subject: AccountName, time: String?)

    /// Writes a backup of the store while it is used.
    ///
    /// - Parameter path: the file, which must not be there, or the directory that it is made in; absolute.
    case backUp(path: String)
}

/// How a request names an account.
public struct AccountName: Codable, Sendable, Hashable {
    /// A JID, an account id or a local part.
    public var name: String
    /// The domain to look in; nil: all hosts.
    public var host: String?

    /// Names an account.
    public init(_ name: String, host: String? = nil) {
        self.name = name
        self.host = host
    }
}

/// An account to be added.
public struct NewAccount: Codable, Sendable {
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

/// What is to be different about an account; nil leaves a thing as it is.
public struct AccountChanges: Codable, Sendable {
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

/// A token to be made.
public struct NewToken: Codable, Sendable {
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

/// An app to be registered.
public struct NewApp: Codable, Sendable {
    /// The domain; nil: the only host.
    public var host: String?
    /// nil: a random one.
    public var id: String?
    /// What people know it by.
    public var name: String
    /// Where people are sent back to.
    public var redirects: [String]
    /// What it may ask for; empty: all that there is.
    public var scopes: [String]
    /// Whether it is a service that can keep a secret.
    public var hasSecret: Bool

    /// An app with that name.
    public init(
        host: String? = nil, id: String? = nil, name: String, redirects: [String] = [], scopes: [String] = [],
        hasSecret: Bool = false
    ) {
        self.host = host
        self.id = id
        self.name = name
        self.redirects = redirects
        self.scopes = scopes
        self.hasSecret = hasSecret
    }
}
