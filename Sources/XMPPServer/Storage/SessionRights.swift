/// What a session may do with its account. Requests, commands and elements of a stream declare what they need, and are
/// refused before their handlers run where the session has not got it.
///
/// The rights follow from what has opened the session: with a password, or a token that a device got for one, it may do
/// all that the owner may; with an access token, what the token's scopes stand for (`AccessScope`), which is never to take
/// the account over, to let others in, or to destroy what is kept.
public struct SessionRights: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Send and receive messages and presence, see the contacts, look things up. Every session has it.
    public static let chat = SessionRights(rawValue: 1)
    /// Change the contacts, and whom the account blocks.
    public static let changeContacts = SessionRights(rawValue: 2)
    /// Read what is archived.
    public static let readHistory = SessionRights(rawValue: 4)
    /// Change the card, and what programs keep with the account: private data, push notifications.
    public static let changeSettings = SessionRights(rawValue: 8)
    /// Destroy what is archived, and say what is archived from now on.
    public static let manageHistory = SessionRights(rawValue: 16)
    /// See and revoke what has access to the account, let others in by invitations, get tokens for a device.
    public static let manageAccess = SessionRights(rawValue: 32)
    /// Change the password, remove the account.
    public static let manageAccount = SessionRights(rawValue: 64)
    /// Manage other accounts, if the account is an administrator's at the time.
    public static let administer = SessionRights(rawValue: 128)

    /// What a program may do that people have let in to chat for them: all but what can take the account from its owner.
    public static let program: SessionRights = [.chat, .changeContacts, .readHistory, .changeSettings]
    /// Everything about the account.
    public static let owner: SessionRights = [program, .manageHistory, .manageAccess, .manageAccount]
    /// Everything.
    public static let all: SessionRights = [owner, .administer]

    // MARK: Names, for the storage

    private static let names: [(right: SessionRights, name: String)] = [
        (.chat, "chat"), (.changeContacts, "change-contacts"), (.readHistory, "read-history"),
        (.changeSettings, "change-settings"), (.manageHistory, "manage-history"), (.manageAccess, "manage-access"),
        (.manageAccount, "manage-account"), (.administer, "administer"),
    ]

    /// The names of the rights, which mean the same in every version.
    public var names: [String] { Self.names.filter { contains($0.right) }.map(\.name) }

    /// The rights with these names; names that are not known give none.
    public init(names: [String]) {
        self = Self.names.filter { names.contains($0.name) }.reduce([]) { $0.union($1.right) }
    }
}
