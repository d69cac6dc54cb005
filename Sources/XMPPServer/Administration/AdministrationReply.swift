import Foundation

/// The answer to an administrator's request.
public enum AdministrationReply: Codable, Sendable {
    case account(account: AccountInfo)
    case accounts(accounts: [AccountInfo])
    case details(details: AccountDetails)
    case minted(token: MintedToken)
    case tokens(tokens: [TokenInfo])
    case contacts(contacts: [ContactInfo])
    case app(app: RegisteredApp)
    case apps(apps: [AppInfo])
    case invited(invitation: NewInvitation)
    case invitations(invitations: [InvitationInfo])
    case explanations(messages: [MessageExplanation])
    /// What a reload of the configuration changes, or would change.
    case changes(changes: [ConfigurationChange])
    /// It was done; a sentence says what.
    case done(sentence: String)
    /// It was not done; a sentence says why.
    case failed(reason: String)
}

/// Why a request was not fulfilled, in one sentence for the administrator.
public struct AdministrationError: Error, Sendable, CustomStringConvertible {
    public let description: String

    /// An error with that sentence.
    public init(_ description: String) {
        self.description = description
    }

    init(_ error: StorageError) {
        description = "the store failed: \(error.diagnosis)"
    }
}

/// An account as administrators see it. Moments are written as in XEP-0082.
public struct AccountInfo: Codable, Sendable, Equatable {
    public let jid: String
    public let accountID: String?
    public let displayName: String
    public let keepsHistory: Bool
    public let isAdministrator: Bool
    public let createdAt: String

    init(_ account: Account) {
        jid = account.jid.string
        accountID = account.accountID
        displayName = account.displayName
        keepsHistory = account.keepsHistory
        isAdministrator = account.isAdministrator
        createdAt = account.createdAt.xep0082
    }
}

/// An account with what belongs to it.
public struct AccountDetails: Codable, Sendable {
    /// A bound resource.
    public struct Session: Codable, Sendable {
        public let resource: String
        /// When it was bound.
        public let since: String
        /// The priority of its presence; nil: it is not available.
        public let priority: Int?
    }

    public let account: AccountInfo
    public let hasPassword: Bool
    public let hasPhoto: Bool
    /// How many tokens there are, void ones included.
    public let tokens: Int
    /// How many contacts there are.
    public let contacts: Int
    /// The sessions that it has now; nil: no server is running.
    public let sessions: [Session]?
}

/// A token that was just made. Its text is not known to anybody afterwards.
public struct MintedToken: Codable, Sendable {
    /// What the client shows to sign in.
    public let token: String
    /// What the store knows of it.
    public let info: TokenInfo
}

/// A token, without its text.
public struct TokenInfo: Codable, Sendable, Equatable {
    /// The first digits of the digest, or the id of the device that has the token: enough to name it.
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
    /// When somebody last signed in with it; nil: nobody has.
    public let lastUsedAt: String?
}

/// An app that was just registered. Its secret is not known to anybody afterwards.
public struct RegisteredApp: Codable, Sendable {
    /// nil: it has none.
    public let secret: String?
    public let info: AppInfo
}

/// An app, without its secret.
public struct AppInfo: Codable, Sendable, Equatable {
    public let id: String
    public let host: String
    public let name: String
    public let redirects: [String]
    public let scopes: [String]
    public let hasSecret: Bool
    /// Whether it has registered itself.
    public let isSelfRegistered: Bool
    public let createdAt: String

    init(_ app: App, host: String) {
        id = app.id
        self.host = host
        name = app.name
        redirects = app.redirects
        scopes = app.scopes.sorted()
        hasSecret = app.secret != nil
        isSelfRegistered = app.isSelfRegistered
        createdAt = app.createdAt.xep0082
    }
}

/// A contact in a roster.
public struct ContactInfo: Codable, Sendable, Equatable {
    public let jid: String
    public let name: String?
    /// `none`, `to`, `from` or `both`.
    public let subscription: String
    /// Whether the account has asked the contact and waits for the answer.
    public let asks: Bool
    /// Whether the contact has asked the account and waits for the answer.
    public let invites: Bool

    init(_ item: RosterItem) {
        jid = item.jid.string
        name = item.name
        subscription = "\(item.state.subscription)"
        asks = item.state.asks
        invites = item.state.hasPendingIn
    }
}

/// An invitation that was just made. Its link is not known to anybody afterwards.
public struct NewInvitation: Codable, Sendable {
    /// What the guest opens, an `xmpp:` address.
    public let link: String
    public let info: InvitationInfo
}

/// An invitation, without its token.
public struct InvitationInfo: Codable, Sendable, Equatable {
    /// The first digits of the token's digest: enough to name it.
    public let id: String
    public let host: String
    /// nil: it makes nobody's contact.
    public let inviter: String?
    public let createdAt: String
    public let expiresAt: String
}
