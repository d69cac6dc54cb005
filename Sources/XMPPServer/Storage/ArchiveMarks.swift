import XML
import XMPP

/// What an archived entry can be found by, beside its id, its time and its peer. Given when it is appended; it stays when
/// the stanza is replaced.
public struct ArchiveMarks: Sendable, Equatable {
    /// The resource of the peer's address; nil: the message came from, or went to, a bare JID.
    public let resource: String?
    /// The id that the client gave the message; nil: none.
    public let messageID: String?
    /// The origin id that the client gave it (XEP-0359); nil: none, or the same as `messageID`.
    public let originID: String?

    /// Marks by which an entry is not found.
    public static let none = ArchiveMarks(resource: nil, messageID: nil, originID: nil)

    public init(resource: String?, messageID: String?, originID: String?) {
        self.resource = resource
        self.messageID = messageID
        self.originID = originID
    }

    /// The marks of a message.
    ///
    /// - Parameter peer: the other side's address as the message has it.
    public init(of message: Element, peer: JID) {
        let id = message["id"]
        let origin = message.child("origin-id", .stanzaIDs)?["id"]
        self.init(resource: peer.resource, messageID: id, originID: origin == id ? nil : origin)
    }
}
