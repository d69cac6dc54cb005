import XMPP

/// What must outlive the process. One storage serves every host. What needs one part of it takes that part's protocol.
///
/// Reads may run side by side. Changes go through a queue that commits many groups at once. A read that starts after a commit
/// was reported sees what was committed; what is still queued is not seen (`flush` waits for it).
///
/// Reads stand in line by account: one at a time for each, and in turn, so that nobody's many or slow reads delay another's
/// by more than one of them (see `ReadTurn`). A read ends with `StorageError.Kind.cancelled` when the task that asked for it
/// is cancelled, and when it takes too long.
///
/// JIDs that name an owner or an account are used as bare JIDs: a resource is ignored.
public protocol Storage: AccountStorage, CredentialStorage, TokenStorage, RosterStorage, ValueStorage, MapStorage,
    SessionStorage, ArchiveStorage, CommitQueue, StorageMaintenance
{}

extension Storage {
    /// Removes the entries that a query describes, a few at a time, so that others' changes go in between.
    ///
    /// - Parameter groupCount: how many at a time.
    /// - Returns: how many there were, if no more than the query's limit.
    /// - Throws: `StorageError`; what was removed before is gone.
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
