import XMPPStream

/// The scopes of access tokens, RFC 6749 §3.3: one table of what each allows, and of how consent pages describe it.
public enum AccessScope: String, Sendable, CaseIterable {
    /// The Messenger service's.
    case messenger = "wl.messenger"
    case basic = "wl.basic"
    case offlineAccess = "wl.offline_access"
    case xmpp = "xmpp"
    /// The same as `xmpp`, by its standard name.
    case client = "xmpp:client:normal"
    /// Administration by HTTP and in chat, for accounts that are administrators.
    case admin = "admin"

    /// The rights of a session opened with a token of this scope.
    public var rights: SessionRights {
        switch self {
        case .messenger: [.chat, .changeContacts, .readHistory]
        case .xmpp, .client: .program
        case .basic, .offlineAccess: []
        case .admin: .administer
        }
    }

    /// Whether an app may renew its access. The scopes of present clients include it.
    public static func areLasting(_ scopes: Set<String>) -> Bool {
        [offlineAccess, xmpp, client].contains { scopes.contains($0.rawValue) }
    }

    /// What these scopes allow together, in words for people.
    public static func texts(of scopes: Set<String>) -> [String] {
        let scopes = allCases.filter { scopes.contains($0.rawValue) }
        let rights = scopes.reduce(SessionRights()) { $0.union($1.rights) }
        return grantable.filter { rights.contains($0.right) }.map(\.text) + scopes.compactMap(\.text)
    }

    /// The rights that scopes give.
    private static let grantable: [(right: SessionRights, text: String)] = [
        (.chat, "Send and receive messages as you, and see your contacts and who is online"),
        (.changeContacts, "Change your contacts, and whom you block"),
        (.readHistory, "Read the history of your conversations"),
        (.changeSettings, "Change your card, and keep its settings with your account"),
        (.administer, "Manage the accounts of others where you are an administrator"),
    ]

    /// What the scope allows in addition to its rights.
    private var text: String? {
        switch self {
        case .basic: "See your name and your photo"
        case .offlineAccess: "Stay signed in when you are not using it"
        case .messenger, .xmpp, .client, .admin: nil
        }
    }
}

extension SessionRights {
    /// The rights of a session opened with a token; nil: with a password, or a device token that was given for one.
    init(of token: VerifiedToken?) {
        guard let token else {
            self = .all
            return
        }
        let scopes = token.scopes.compactMap(AccessScope.init(rawValue:))
        // A host may require a scope of its own: with that alone, a program may chat.
        self = scopes.isEmpty ? .program : scopes.reduce(.chat) { $0.union($1.rights) }
    }
}
