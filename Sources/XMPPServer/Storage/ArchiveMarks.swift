import XML
import XMPP

/// What an archived entry can be found by beside its id, its time and its peer. Set when the entry is appended; kept
/// when its stanza is replaced.
public struct ArchiveMarks: Sendable, Equatable {
    /// The resource of the peer's address; nil: the message came from, or went to, a bare JID.
    public let resource: String?
    /// The id that the client gave the message; nil: none.
    public let messageID: String?
    /// The origin id that the client gave it; nil: none, or the same as `messageID`.
    public let originID: String?

    /// No marks.
    public static let none = ArchiveMarks(resource: nil, messageID: nil, originID: nil)

    public init(resource: String?, messageID: String?, originID: String?) {
        self.resource = resource
        self.messageID = messageID
        self.originID = originID
    }

    /// The marks of a message.
    ///
    /// - Parameter peer: the other side's address as written in the message.
    public init(of message: Element, peer: JID) {
        let id = message["id"]
        let origin = message.child("origin-id", .stanzaIDs)?["id"]
        self.init(resource: peer.resource, messageID: id, originID: origin == id ? nil : origin)
    }
}
