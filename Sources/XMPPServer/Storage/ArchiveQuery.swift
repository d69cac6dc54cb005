import XMPP

/// Which entries of an owner's archive are meant: to be read, counted or removed.
public struct ArchiveQuery: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// Whose archive it is.
    public var owner: JID
    /// Only entries with this peer; nil: with anybody. A full JID means those alone that were appended with its resource
    /// among their marks.
    public var peer: JID?
    /// Only entries after this id, itself excluded.
    public var after: ArchiveID?
    /// Only entries before this id, itself excluded.
    public var before: ArchiveID?
    /// Only entries whose time is this or later.
    public var since: Timestamp?
    /// Only entries whose time is earlier than this.
    public var until: Timestamp?
    /// Only the entries with these ids; nil: whatever ids they have.
    public var ids: [ArchiveID]?
    /// Only entries with this id among their marks, as the client's `id` or as origin id (XEP-0359).
    public var messageID: String?
    /// Only messages sent (false) or received (true); nil: both.
    public var isIncoming: Bool?
    /// Only entries with all these words in their text; nil: whatever they say. Entries are found when they have been
    /// indexed, see `ArchiveStorage.indexArchive`.
    public var words: String?
    /// How many entries at most.
    public var limit: Int
    /// After how many bytes of stanzas a read ends, though there are more entries; one is read in any case. Nil: however
    /// many.
    public var byteLimit: Int?
    /// Which entries to take if there are more than `limit`: the newest, or else the oldest. The answer is oldest
    /// first either way.
    public var newestFirst: Bool

    /// A query with the bare form of `owner`.
    public init(
        collection: String,
        owner: JID,
        peer: JID? = nil,
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

    /// Leaves out what is not after the id as well.
    public mutating func restrict(after id: ArchiveID) { after = max(id, after ?? id) }

    /// Leaves out what is not before the id as well.
    public mutating func restrict(before id: ArchiveID) { before = min(id, before ?? id) }

    /// Leaves out what is of an earlier time as well.
    public mutating func restrict(since time: Timestamp) { since = max(time, since ?? time) }

    /// Leaves out what is of this time or a later one as well.
    public mutating func restrict(until time: Timestamp) { until = min(time, until ?? time) }
}
