import XMPPServer

/// What scopes mean, in words for people.
enum Rights {
    static func texts(_ scopes: Set<String>) -> [String] {
        App.knownScopes.filter(scopes.contains).compactMap(text).reduce(into: []) { texts, text in
            if !texts.contains(text) { texts.append(text) }
        }
    }

    private static func text(_ scope: String) -> String? {
        switch scope {
        case "wl.messenger": "Use Messenger as you: see your contacts and who is online, send and receive messages"
        case "wl.basic": "See your name and your photo"
        case "wl.offline_access": "Stay signed in when you are not using it"
        case "xmpp", "xmpp:client:normal": "Send and receive messages as you, and change your contacts"
        default: nil
        }
    }

    /// Whether an app may renew its access. The scopes of today's clients include it.
    static func areLasting(_ scopes: Set<String>) -> Bool {
        !scopes.isDisjoint(with: ["wl.offline_access", "xmpp", "xmpp:client:normal"])
    }
}
