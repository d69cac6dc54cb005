import XMPP

/// Everything that must outlive the process. One storage serves every host. Code that needs one part takes that part's
/// protocol.
///
/// Reads may run in parallel. Changes go through a queue that commits many groups at once. A read that starts after a
/// commit was reported sees it; what is still queued is not seen (`flush` waits for it).
///
/// Each account reads one at a time, and accounts take turns, so that one with many or slow reads delays another by at
/// most one of them (see `ReadTurn`). A read ends with `StorageError.Kind.cancelled` when its task is cancelled, and
/// when it takes too long.
///
/// A JID that names an owner or an account is used as its bare JID.
public protocol Storage: AccountStorage, CredentialStorage, TokenStorage, RosterStorage, ValueStorage, MapStorage,
    SessionStorage, ArchiveStorage, CommitQueue, StorageMaintenance
{}

extension Storage {
    /// Removes the entries that a query selects, a few at a time, so that other changes are not held up.
    ///
    /// - Parameter groupCount: the number removed at a time.
    /// - Returns: how many there were, up to the query's limit.
    /// - Throws: `StorageError`; entries removed before it stay removed.
    @discardableResult
    public func removeArchived(_ query: ArchiveQuery, by groupCount: Int = 250) async throws(StorageError) -> Int {
        var removed = 0
        while removed < query.limit {
            var group = query
            group.limit = min(groupCount, query.limit - removed)
            let count = try await archivedCount(group)
            guard count > 0 else { break }
            try await commit([.removeArchived(group)])
            removed += count
        }
        return removed
    }
}
