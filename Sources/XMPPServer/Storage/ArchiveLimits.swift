import XMPP

/// Limits for the archives of a host.
public struct ArchiveLimits: Sendable {
    /// The host.
    public let host: String
    /// The collection.
    public let collection: String
    /// Entries before this time are removed; nil: none is too old.
    public let since: Timestamp?
    /// The number of newest entries of an archive to keep; nil: all.
    public let maximum: Int?

    public init(host: String, collection: String, since: Timestamp?, maximum: Int?) {
        self.host = host
        self.collection = collection
        self.since = since
        self.maximum = maximum
    }
}

/// Entries of a host's archives that exceed the limits.
public struct ArchiveSurplus: Sendable, Equatable {
    /// The entries to remove, ordered by owner: one query for those beyond the number and one for those that are too
    /// old.
    public let surplus: [ArchiveQuery]
    /// The owner of the last archive that was examined; nil: no archives are left.
    public let last: JID?

    public init(surplus: [ArchiveQuery], last: JID?) {
        self.surplus = surplus
        self.last = last
    }
}
