import XMPP

/// The messages that two people exchanged on one day (UTC).
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
