import NIOCore
import XMPP

/// Says where accounts and services are at home: on this server, or on another one that shares its configuration and its
/// store.
///
/// What an entity has in memory (sessions, roster, outboxes, backlog) is at its home alone, and its home alone changes what
/// is stored of it. `HostTable.recipient(of:)` is the one place that asks.
public protocol Placement: Sendable {
    /// The number of this server among those that share the store, below `ArchiveID.nodeCount`: no two have the same.
    var node: Int { get }

    /// The way to the home of an account or a service; nil: it is here. Called for each stanza, on any loop: it looks at
    /// memory alone.
    ///
    /// - Parameter address: any address of the account or service.
    func route(to address: JID) -> (any RemoteRoute)?

    /// The ways to all other servers.
    var others: [any RemoteRoute] { get }
}

/// The way from this server to another one, which may be a wire.
///
/// Items arrive once, or not at all if the way breaks, in the order in which they were sent: what one loop sends is not
/// overtaken by what it sends later.
public protocol RemoteRoute: AnyObject, Sendable {
    /// Sends an item; does not block. The other server takes it with `StanzaRouter.received(_:by:)`, on its own loops.
    ///
    /// - Returns: false: there is no room, and the item goes nowhere.
    func send(_ item: RemoteItem) -> Bool
}

/// What crosses between two servers. It has only what a wire can carry: bytes, addresses, numbers. No record, session or
/// closure crosses, so neither half of a stanza's way can look into the other.
public enum RemoteItem: Sendable {
    case stanza(RemoteStanza)
    /// The stanza of that number was accepted at its recipient's home, and its changes there are durable. The facts are for the
    /// sender's half.
    case accepted(UInt64, MessageFacts)
    /// The stanza of that number is refused with this error, or is a request with this answer: a stanza as its sender gets it,
    /// behind these messages.
    case answered(UInt64, ByteBuffer, behind: [ByteBuffer])
    /// The component of that domain has connected at its home.
    case componentConnected(JID)
}

/// A stanza that has left its sender's half, on its way to its recipient's home.
public struct RemoteStanza: Sendable {
    /// Names it in the answer; 0: no answer is expected, not even an error.
    public let number: UInt64
    /// Who sent it; a full JID for a client.
    public let from: JID
    public let to: JID
    /// Facts about the sender, for the recipient's half.
    public let facts: MessageFacts
    /// The sender's rights.
    public let rights: SessionRights
    /// The stanza with its addresses and language, as on a client's stream.
    public let bytes: ByteBuffer
}
