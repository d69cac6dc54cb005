import XMPP

/// What to read of an owner's archive.
public struct ArchiveQuery: Sendable, Equatable {
    /// The collection to read.
    public var collection: String
    /// Whose archive to read.
    public var owner: JID
    /// Only entries with this peer, as a bare JID; nil: with anybody.
    public var peer: JID?
    /// Only entries after this id, itself excluded.
    public var after: ArchiveID?
    /// Only entries before this id, itself excluded.
    public var before: ArchiveID?
    /// How many entries at most.
    public var limit: Int
    /// Which entries to take if there are more than `limit`: the newest, or else the oldest. The answer is oldest
    /// first either way.
    public var newestFirst: Bool

    /// A query with the bare forms of `owner` and `peer`.
    public init(
        collection: String,
        owner: JID,
        peer: JID? = nil,
        after: ArchiveID? = nil,
        before: ArchiveID? = nil,
        limit: Int,
        newestFirst: Bool = false
    ) {
        self.collection = collection
        self.owner = owner.bare
        self.peer = peer?.bare
        self.after = after
        self.before = before
        self.limit = limit
        self.newestFirst = newestFirst
    }
}
