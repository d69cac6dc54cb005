import XMPP

/// How much of a host's archives is to be kept.
public struct ArchiveLimits: Sendable {
    /// Whose accounts' archives.
    public let host: String
    /// The collection.
    public let collection: String
    /// Entries of an earlier time are too old; nil: none is.
    public let since: Timestamp?
    /// How many entries of an archive may stay, the newest; nil: any number.
    public let maximum: Int?

    public init(host: String, collection: String, since: Timestamp?, maximum: Int?) {
        self.host = host
        self.collection = collection
        self.since = since
        self.maximum = maximum
    }
}

/// Some of a host's archives, with what is over the limits.
public struct ArchiveSurplus: Sendable, Equatable {
    /// Which entries those are: in the order of their owners, one query for what is too much and one for what is too old.
    public let surplus: [ArchiveQuery]
    /// The owner of the last archive that was looked at; nil: there are no more behind it.
    public let last: JID?

    public init(surplus: [ArchiveQuery], last: JID?) {
        self.surplus = surplus
        self.last = last
    }
}
