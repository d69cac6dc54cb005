import XMPP

/// The archives of accounts, and their offline messages.
public protocol ArchiveStorage: Sendable {
    /// The entries that the query selects, oldest first.
    func archived(_ query: ArchiveQuery) async throws(StorageError) -> [ArchiveEntry]
    /// How many entries the query selects, counted up to its limit.
    func archivedCount(_ query: ArchiveQuery) async throws(StorageError) -> Int
    /// The peers with whom `owner` has entries in the collection, most recent first, each with the span of its newest
    /// `limit` entries.
    func archivePeers(collection: String, owner: JID, newest limit: Int) async throws(StorageError) -> [ArchivePeer]
    /// The collections that begin within the query's range, in the order of their beginnings.
    func archiveCollections(_ query: ArchiveQuery) async throws(StorageError) -> [ArchiveCollection]
    /// Finds what exceeds the limits in at most `count` archives of a host, in the order of their owners, after
    /// `owner`.
    func archivesOver(
        _ limits: ArchiveLimits, after owner: JID?, atMost count: Int
    ) async throws(StorageError) -> ArchiveSurplus
    /// Adds the texts of a host's conversations to the index of words, in the order of their ids: the next `count`
    /// entries that are not indexed yet and come before `end`.
    ///
    /// - Returns: true if nothing was left to index, so that a search for words is complete.
    func indexArchive(host: String, before end: ArchiveID, atMost count: Int) async throws(StorageError) -> Bool
    /// The greatest id that was ever appended, in any collection, including removed entries; nil before the first.
    func newestArchiveID() async throws(StorageError) -> ArchiveID?
    /// 16 random bytes that stay the same while the store exists: the key of the archive ids' texts.
    func archiveSecret() async throws(StorageError) -> [UInt8]
}
