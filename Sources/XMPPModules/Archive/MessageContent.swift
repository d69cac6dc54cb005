import XMPPServer

/// What of a message's content decides whether it is worth keeping: XEP-0313 §6.1.1 and the hints of XEP-0334.
struct MessageContent: OptionSet {
    let rawValue: UInt8

    /// A text.
    static let body = MessageContent(rawValue: 1)
    /// Something else that belongs to the conversation: a receipt, a marker, a reaction, a retraction, an invitation, or
    /// something encrypted.
    static let conversation = MessageContent(rawValue: 2)
    /// A state of the conversation, XEP-0085: worth nothing later.
    static let state = MessageContent(rawValue: 4)
    /// To be kept by all means.
    static let store = MessageContent(rawValue: 8)
    /// Not to be kept at all.
    static let noStore = MessageContent(rawValue: 16)
    /// To be kept until it is delivered, and no longer.
    static let noPermanentStore = MessageContent(rawValue: 32)

    private static let kept: [Namespace] = [
        .receipts, .chatMarkers, "urn:xmpp:reactions:0", Retraction.namespace,
        "urn:xmpp:jingle-message:0", .conference, .encryption, "urn:xmpp:omemo:2",
        "eu.siacs.conversations.axolotl", "urn:xmpp:openpgp:0", "jabber:x:encrypted",
    ]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(of message: XML.Element) {
        self = []
        for child in message.children {
            if child.isNamed("body", .client) {
                insert(.body)
            } else if child.isIn(.hints) {
                if child.hasName("store") { insert(.store) }
                if child.hasName("no-store") { insert(.noStore) }
                if child.hasName("no-permanent-store") || child.hasName("no-permanent-storage") {
                    insert(.noPermanentStore)
                }
            } else if child.isIn(.chatStates) {
                insert(.state)
            } else if !contains(.conversation), Self.kept.contains(where: { child.isIn($0) }) {
                // What asks for a receipt or a marker is none.
                if !child.hasName("request"), !child.hasName("markable") { insert(.conversation) }
            }
        }
    }

    /// Whether the message belongs into archives.
    var isArchived: Bool {
        if contains(.noStore) || contains(.noPermanentStore) { return false }
        return !isDisjoint(with: [.store, .body, .conversation])
    }

    /// Whether it says nothing but what is worth nothing later.
    var isFleeting: Bool {
        contains(.state) && isDisjoint(with: [.store, .body, .conversation])
    }
}
