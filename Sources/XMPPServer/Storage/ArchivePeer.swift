import XMPP

/// A peer in an owner's archive, with the first and last of their newest entries.
public struct ArchivePeer: Sendable, Equatable {
    /// One end of the span.
    public struct Mark: Sendable, Equatable {
        /// The id of the entry at this end.
        public let id: ArchiveID
        /// When the server handled that entry.
        public let time: Timestamp

        /// An end of a span.
        public init(id: ArchiveID, time: Timestamp) {
            self.id = id
            self.time = time
        }
    }

    /// The other side's bare JID.
    public let peer: JID
    /// How many entries the span covers: all with the peer, or as many as were asked for.
    public let count: Int
    /// The oldest entry of the span.
    public let first: Mark
    /// The newest entry of the span, and the newest with this peer.
    public let last: Mark

    /// A peer with a span of entries.
    public init(peer: JID, count: Int, first: Mark, last: Mark) {
        self.peer = peer
        self.count = count
        self.first = first
        self.last = last
    }
}
