import XMPPServer

/// What somebody wants to be notified of in a room, XEP-0492. Clients write it into the room's bookmark (XEP-0402).
enum RoomNotifications: String {
    case always
    case onMention = "on-mention"
    case never

    private static let namespace: Namespace = "urn:xmpp:notification-settings:0"

    /// The setting in a bookmark, for a phone; nil: there is none.
    init?(of bookmark: Element) {
        let settings = bookmark.child("extensions", Bookmarks.namespace)?.child("notify", Self.namespace)?.children
        guard let settings else { return nil }
        let known = settings.lazy.compactMap { child -> (setting: RoomNotifications, precision: Int)? in
            guard child.isIn(Self.namespace), let setting = RoomNotifications(rawValue: child.name) else { return nil }
            switch (child["identity-category"], child["identity-type"]) {
            case (nil, nil): return (setting, 0)
            case ("client", nil): return (setting, 1)
            case ("client", "phone"): return (setting, 2)
            default: return nil
            }
        }
        guard let best = known.max(by: { $0.precision < $1.precision }) else { return nil }
        self = best.setting
    }
}

extension RoomNotifications {
    /// Whether a message is worth waking a person for.
    static func mayWake(_ message: Element) -> Bool {
        message.hasChild("body", .client) || message.hasChild("encryption", .encryption)
    }

    /// Whether it depends on this child of a message whether somebody is notified of it, or what they are told.
    static func reads(_ child: Element) -> Bool {
        child.isNamed("body", .client) || child.isIn(.encryption) || child.isIn(.references)
    }

    /// An account's bookmark of a room; nil: there is none.
    static func bookmark(
        of room: JID, of account: AccountRecord, at host: Host
    ) async throws(StanzaError) -> Element? {
        try await host.personalEventing?.item(room.bare.string, of: Bookmarks.namespace.name, of: account)?.payload
    }

    /// What a bookmark says; else all messages in a room that is not public, and mentions in others.
    ///
    /// - Parameter note: what the room has to say of a message; nil: the message waits for a session that is in the room.
    init(_ bookmark: Element?, _ note: RoomNote?) {
        self = bookmark.flatMap(Self.init(of:)) ?? (note?.isPublic == true ? .onMention : .always)
    }

    /// Whether a message is among those that somebody wants to be notified of.
    func include(_ message: Element, _ note: RoomNote?, _ account: JID, _ bookmark: Element?) -> Bool {
        switch self {
        case .always: return true
        case .never: return false
        case .onMention:
            if note?.isMention == true || Self.isMentioned(account, in: message) { return true }
            guard let nick = bookmark?.child("nick", Bookmarks.namespace)?.text else { return false }
            return message.child("body", .client).map { Self.names(nick, in: $0.text) } ?? false
        }
    }

    /// XEP-0372: whether a message refers to an address.
    private static func isMentioned(_ account: JID, in message: Element) -> Bool {
        message.children.contains { child in
            child.isNamed("reference", .references) && child.attribute("type", equals: "mention")
                && child["uri"].map { $0.dropFirst("xmpp:".count) == account.string } == true
        }
    }

    /// The beginning of a text that is searched.
    private static let searchedLength = 2000

    /// Whether a text has a nickname in it, as a word of its own, in whatever case.
    static func names(_ nick: String, in text: String) -> Bool {
        guard !nick.isEmpty else { return false }
        let text = text.prefix(searchedLength).lowercased()
        return text.ranges(of: nick.lowercased()).contains { range in
            let isWordBefore = text[..<range.lowerBound].last?.isPartOfWord == true
            let isWordBehind = text[range.upperBound...].first?.isPartOfWord == true
            return !isWordBefore && !isWordBehind
        }
    }
}

extension Character {
    fileprivate var isPartOfWord: Bool { isLetter || isNumber || self == "_" }
}
