import XMPP

/// What two people said to each other on one day (UTC), which is what XEP-0136 calls a collection.
public struct ArchiveCollection: Sendable, Equatable {
    /// The other side's bare JID.
    public let peer: JID
    /// The first entry of the day.
    public let first: ArchivePeer.Mark

    public init(peer: JID, first: ArchivePeer.Mark) {
        self.peer = peer
        self.first = first
    }
}
