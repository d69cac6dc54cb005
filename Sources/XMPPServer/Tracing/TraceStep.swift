/// The steps of a message; see `MessageTrace`. The raw values are those in the ring.
public enum TraceStep: UInt8, Sendable, CaseIterable {
    /// Received from a client.
    case received = 1
    /// Refused: the module, and the error condition.
    case refused
    /// Processed by a module, and goes no further: the module.
    case taken
    /// Archived: the owner of the archive.
    case archived
    /// Delivered to a session: its full JID.
    case delivered
    /// Copied to a session: its full JID.
    case copied
    /// Stored for later: the module.
    case kept
    /// Its changes are durable.
    case stored
    /// Its changes could not be made durable.
    case failed
    /// A push notification was sent: the app server's address.
    case pushed
    /// Acknowledged by the client (XEP-0198): the session's full JID.
    case acknowledged
    /// It has gone to its recipient's home, another server: the recipient.
    case crossed
    /// Something was published, and others were told: the node, and how many they were.
    case notified

    /// The name for programs.
    public var name: String { "\(self)" }
}
