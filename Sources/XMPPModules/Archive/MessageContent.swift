import XMPPServer

/// The content of a message, as far as it decides whether to archive it: XEP-0313 §6.1.1 and the hints of XEP-0334.
struct MessageContent: OptionSet {
    let rawValue: UInt8

    /// A text.
    static let body = MessageContent(rawValue: 1)
    /// Other content of the conversation: a receipt, marker, reaction, retraction or invitation, or encrypted content.
    static let conversation = MessageContent(rawValue: 2)
    /// A chat state, XEP-0085: of no later use.
    static let state = MessageContent(rawValue: 4)
    /// The hint to store it.
    static let store = MessageContent(rawValue: 8)
    /// The hint not to store it.
    static let noStore = MessageContent(rawValue: 16)
    /// The hint to store it only until it is delivered.
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
                // A request for a receipt or a marker is not content.
                if !child.hasName("request"), !child.hasName("markable") { insert(.conversation) }
            }
        }
    }

    /// Whether the message is archived.
    var isArchived: Bool {
        if contains(.noStore) || contains(.noPermanentStore) { return false }
        return !isDisjoint(with: [.store, .body, .conversation])
    }

    /// Whether the message has only content of no later use.
    var isFleeting: Bool {
        contains(.state) && isDisjoint(with: [.store, .body, .conversation])
    }
}
