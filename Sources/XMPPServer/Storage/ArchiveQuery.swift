import XMPP

/// Selects entries of an owner's archive to read, count or remove.
public struct ArchiveQuery: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// The archive's owner.
    public var owner: JID
    /// Only entries with this peer; nil: with any. A full JID selects those that have its resource among their marks.
    public var peer: JID?
    /// Only entries with this resource among their marks; nil: with any.
    public var resource: String?
    /// Only entries after this id.
    public var after: ArchiveID?
    /// Only entries before this id.
    public var before: ArchiveID?
    /// Only entries from this time on.
    public var since: Timestamp?
    /// Only entries before this time.
    public var until: Timestamp?
    /// Only the entries with these ids; nil: with any.
    public var ids: [ArchiveID]?
    /// Only entries with this id among their marks, as the client's `id` or as origin id.
    public var messageID: String?
    /// Only messages sent (false) or received (true); nil: both.
    public var isIncoming: Bool?
    /// Only entries whose text has all these words; nil: any. Entries are found once they are indexed, see
    /// `ArchiveStorage.indexArchive`.
    public var words: String?
    /// The maximum number of entries.
    public var limit: Int
    /// Ends a read after so many bytes of stanzas, but never before the first entry. nil: no bound.
    public var byteLimit: Int?
    /// Which entries to take if there are more than `limit`: the newest, otherwise the oldest. The result is oldest
    /// first either way.
    public var newestFirst: Bool

    /// A query with the bare form of `owner`.
    public init(
        collection: String,
        owner: JID,
        peer: JID? = nil,
        resource: String? = nil,
        after: ArchiveID? = nil,
        before: ArchiveID? = nil,
        since: Timestamp? = nil,
        until: Timestamp? = nil,
        ids: [ArchiveID]? = nil,
        messageID: String? = nil,
        isIncoming: Bool? = nil,
        words: String? = nil,
        limit: Int = .max,
        byteLimit: Int? = nil,
        newestFirst: Bool = false
    ) {
        self.collection = collection
        self.owner = owner.bare
        self.peer = peer
        self.resource = resource
        self.after = after
        self.before = before
        self.since = since
        self.until = until
        self.ids = ids
        self.messageID = messageID
        self.isIncoming = isIncoming
        self.words = words
        self.limit = limit
        self.byteLimit = byteLimit
        self.newestFirst = newestFirst
    }

    /// Selects only entries after the id.
    public mutating func restrict(after id: ArchiveID) { after = max(id, after ?? id) }

    /// Selects only entries before the id.
    public mutating func restrict(before id: ArchiveID) { before = min(id, before ?? id) }

    /// Selects only entries from the time on.
    public mutating func restrict(since time: Timestamp) { since = max(time, since ?? time) }

    /// Selects only entries before the time.
    public mutating func restrict(until time: Timestamp) { until = min(time, until ?? time) }
}
