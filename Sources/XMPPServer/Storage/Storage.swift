import XMPP
import XMPPStream

/// What must outlive the process. One storage serves every host.
///
/// Reads may run side by side. Writes go through one queue that commits in batches, in the order of submission. A read
/// that starts after a commit was reported sees what was committed; what is still queued is not seen.
///
/// Reads stand in line by account: one at a time for each, and in turn, so that nobody's many or slow reads delay another's
/// by more than one of them (see `ReadTurn`). A read ends with `StorageError.Kind.cancelled` when the task that asked for it
/// is cancelled, and when it takes too long.
///
/// JIDs that name an owner or an account are used as bare JIDs: a resource is ignored.
public protocol Storage: Sendable {
    /// The account with the bare JID, or nil.
    func account(_ jid: JID) async throws(StorageError) -> Account?
    /// The account of the host that has the account id, whatever the id's case, or nil.
    func account(host: String, accountID: String) async throws(StorageError) -> Account?
    /// All that is in memory of an account in use, or nil if there is no such account.
    ///
    /// - Parameter stores: those whose values belong to it.
    func storedAccount(_ jid: JID, stores: [String]) async throws(StorageError) -> StoredAccount?
    /// All accounts of a host, or of all hosts, in the order of their JIDs.
    func accounts(host: String?) async throws(StorageError) -> [Account]

    /// The SCRAM keys of an account, one entry for each hash; empty for an account without a password.
    func credentials(_ jid: JID) async throws(StorageError) -> [SCRAMCredential]
    /// The token with the digest, or nil. It may have expired: that is the caller's to judge.
    func token(digest: [UInt8]) async throws(StorageError) -> Token?
    /// All tokens of an account, oldest first, expired ones included.
    func tokens(of jid: JID) async throws(StorageError) -> [Token]
    /// Whether any account of a host has a token.
    func hasTokens(host: String) async throws(StorageError) -> Bool
    /// The grant with the id, or nil. It may have expired: that is the caller's to judge, here as below.
    func grant(_ id: String) async throws(StorageError) -> Grant?
    /// The grant with that family of refresh tokens, or nil.
    func grant(refreshFamily: [UInt8]) async throws(StorageError) -> Grant?
    /// All grants of an account, oldest first.
    func grants(of jid: JID) async throws(StorageError) -> [Grant]
    /// All grants by accounts of a host to an app.
    func grants(host: String, app: String) async throws(StorageError) -> [Grant]

    /// The roster of an account, items in the order of their JIDs; empty for an account without one.
    func roster(of jid: JID) async throws(StorageError) -> StoredRoster

    /// The value under a key of a store, or nil.
    func value(_ store: String, _ owner: JID, key: String) async throws(StorageError) -> [UInt8]?
    /// All values that an owner has in a store, by key.
    func values(_ store: String, _ owner: JID) async throws(StorageError) -> [String: [UInt8]]
    /// The names of the stores in which an owner has values, in their order.
    func stores(of owner: JID) async throws(StorageError) -> [String]

    /// The accounts of a host that have sessions which can be resumed.
    func accountsWithSessions(host: String) async throws(StorageError) -> [JID]

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
    /// Whether all entries of the host's archives before the id can be found by their words.
    func isArchiveIndexed(host: String, before id: ArchiveID) async throws(StorageError) -> Bool
    /// The greatest id that was ever appended, in any collection, removed entries included; nil before the first.
    func newestArchiveID() async throws(StorageError) -> ArchiveID?
    /// 16 random bytes, the same as long as the store lives: what the texts of archive ids are made with.
    func archiveSecret() async throws(StorageError) -> [UInt8]

    /// Puts one group of changes in the queue: all of them are committed, or none. Never blocks.
    ///
    /// The completion is called exactly once, on a thread of the storage's, after the commit is durable or has failed;
    /// completions of successful groups come in the order of submission. It must not block. A group that fails leaves
    /// its neighbours in the queue untouched. When the queue is full or the storage is closed, the group fails with
    /// `StorageError.Kind.unavailable`.
    func submit(
        _ changes: [StorageChange], _ urgency: CommitUrgency,
        completion: (@Sendable (Result<Void, StorageError>) -> Void)?)
    /// Whether so much waits in the queue that whoever can wait should; see `room`.
    var isCrowded: Bool { get }
    /// Returns when the queue is not crowded any more.
    func room() async
    /// Waits until all that was submitted before is durable or has failed.
    func flush() async
    /// Writes one file from which the store can be made anew as it is at some moment of the call, while it is used.
    ///
    /// - Parameters:
    ///   - path: where; there must be nothing yet, and is nothing if it fails.
    ///   - files: what is kept outside of the store and belongs to it, by name.
    /// - Throws: `StorageError`, of kind `alreadyExists` if there is something, of kind `inUse` if another backup is being
    ///   made, of kind `cancelled` if the store is closed meanwhile.
    func backUp(to path: String, with files: [String: [UInt8]]) async throws(StorageError)
    /// Refuses further changes, waits until all that was submitted is durable or has failed, and lets go of the store.
    /// Closing twice is harmless.
    ///
    /// - Returns: what of this failed; what was reported as durable is so all the same.
    @discardableResult
    func close() async -> StorageError?
}

/// When a group of changes is to be committed. Either way the order of submission is kept.
public enum CommitUrgency: Sendable {
    /// As soon as the commit before it is done: somebody waits.
    case now
    /// With others, within a fraction of a second: a commit that is shared costs each of them less.
    case soon
}

extension Storage {
    /// Submits a group of changes that somebody waits for.
    public func submit(_ changes: [StorageChange], completion: (@Sendable (Result<Void, StorageError>) -> Void)?) {
        submit(changes, .now, completion: completion)
    }

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

    /// Submits one group of changes and waits until it is durable.
    ///
    /// - Throws: the error of the group; nothing of it was stored then.
    public func commit(_ changes: [StorageChange]) async throws(StorageError) {
        let result = await withCheckedContinuation { continuation in
            submit(changes) { result in continuation.resume(returning: result) }
        }
        try result.get()
    }
}
