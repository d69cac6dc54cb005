import XMPP

/// The archives of accounts, and what is kept for them until they come.
public protocol ArchiveStorage: Sendable {
    /// The archived entries that the query describes, oldest first.
    func archived(_ query: ArchiveQuery) async throws(StorageError) -> [ArchiveEntry]
    /// How many entries the query describes, counted no further than its limit.
    func archivedCount(_ query: ArchiveQuery) async throws(StorageError) -> Int
    /// The peers with whom `owner` has entries in the collection, the one with the most recent entry first, each with
    /// the span of its newest `limit` entries.
    func archivePeers(collection: String, owner: JID, newest limit: Int) async throws(StorageError) -> [ArchivePeer]
    /// The collections that begin within what the query describes, in the order of their beginnings.
    func archiveCollections(_ query: ArchiveQuery) async throws(StorageError) -> [ArchiveCollection]
    /// Looks at the archives of a host, from that of the first owner behind `owner` on, but at no more than `count`.
    func archivesOver(
        _ limits: ArchiveLimits, after owner: JID?, atMost count: Int
    ) async throws(StorageError) -> ArchiveSurplus
    /// Makes the texts of entries in the conversations of a host's accounts known to the index of words, in the order of their
    /// ids: of the next so many that have not been looked at yet, whosever they are, but none from `end` on.
    ///
    /// - Returns: true if nothing was left to do, so that all of them can be found by their words.
    func indexArchive(host: String, before end: ArchiveID, atMost count: Int) async throws(StorageError) -> Bool
    /// The greatest id that was ever appended, in any collection, removed entries included; nil before the first.
    func newestArchiveID() async throws(StorageError) -> ArchiveID?
    /// 16 random bytes, the same as long as the store lives: what the texts of archive ids are made with.
    func archiveSecret() async throws(StorageError) -> [UInt8]
}
