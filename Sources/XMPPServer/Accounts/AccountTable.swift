import Synchronization
import XMPP
import XMPPStream

/// The account records in memory: those with sessions, and recently used ones.
///
/// There are 64 shards by the hash of the bare JID, each with a lock that is held for a look-up. A record without
/// sessions is dropped when its shard is full and nothing else holds it, so there is never a second record of an
/// account.
public final class AccountTable: Sendable {
    /// Finds a record by bare JID without making one.
    private struct Key: Hashable {
        let jid: JID
        static func == (left: Key, right: Key) -> Bool { left.jid.isSameBare(as: right.jid) }
        func hash(into hasher: inout Hasher) { hasher.combine(jid.bareHash) }
        // A hash need not be hashed again. Its last bits are the same within a shard.
        func _rawHashValue(seed: Int) -> Int { (jid.bareHash >> 6) ^ seed }
    }

    private static let shardCount = 64

    private let shards: [Shard]
    private let storage: any Storage
    private let isHome: @Sendable (JID) -> Bool
    private let preloads = Mutex<[Preload]>([])
    /// Restores an account's sessions when it is loaded.
    private let restore = Mutex<(@Sendable (AccountRecord, [StoredAccount.Session]) -> [ClientSession])?>(nil)
    private let rosterWasUndone = Mutex<AccountRecord.RosterUndone>({ _, _, _ in })
    private let wasAdded = Mutex<@Sendable (Account) -> Void>({ _ in })
    /// The number of records in a shard above which unused ones are dropped.
    private let shardCapacity = Atomic<Int>(0)

    private struct Records {
        var byKey: [Key: AccountRecord] = [:]
        /// Incremented when a record is dropped: what was read from the storage before may be outdated.
        var generation = 0
        /// Records of removed accounts that something still holds.
        var leaving: [Key: RecordEnd] = [:]
    }

    /// How long adding an account waits for the end of a removed one of the same name.
    private static let patience = Duration.seconds(4)

    private final class Shard: Sendable {
        let records = Mutex(Records())
    }

    /// - Parameter isHome: whether an account's home is here: the records of others are at theirs.
    init(storage: any Storage, capacity: Int, isHome: @escaping @Sendable (JID) -> Bool = { _ in true }) {
        self.storage = storage
        self.isHome = isHome
        shards = (0..<Self.shardCount).map { _ in Shard() }
        use(capacity: capacity)
    }

    /// Sets how many unused records are kept.
    func use(capacity: Int) { shardCapacity.store(max(16, capacity / Self.shardCount), ordering: .relaxed) }

    private func shard(of jid: JID) -> Shard {
        shards[Int(truncatingIfNeeded: UInt(bitPattern: jid.bareHash)) & (Self.shardCount - 1)]
    }

    /// The record of an account, by its bare JID or any of its full JIDs, if it is in memory.
    public func cached(_ jid: JID) -> AccountRecord? {
        shard(of: jid).records.withLock { $0.byKey[Key(jid: jid)] }
    }

    /// The record of an account, read from the storage if necessary; nil: there is no such account.
    public func load(_ jid: JID) async throws(StorageError) -> AccountRecord? {
        let shard = shard(of: jid)
        while true {
            let (known, generation) = shard.records.withLock { ($0.byKey[Key(jid: jid)], $0.generation) }
            if let known { return known }
            guard isHome(jid) else { throw StorageError(.failed, "the home of the account \(jid) is another server") }
            let preloads = preloads.withLock { $0 }
            let devices = Device.store(in: storage)
            let stores = [devices.name] + preloads.map(\.store)
            guard let stored = try await storage.storedAccount(jid, stores: stores) else { return nil }
            let secrets = AccountRecord.Secrets(
                credentials: stored.credentials, devices: try devices.decode(stored.values[devices.name] ?? [:]))
            let record = AccountRecord(
                account: stored.account, roster: Roster(stored.roster), secrets: secrets, storage: storage,
                rosterWasUndone: rosterWasUndone.withLock { $0 })
            for preload in preloads { preload.fill(record, stored.values[preload.store] ?? [:]) }
            let sessions = restore.withLock { $0 }?(record, stored.sessions) ?? []
            let inserted = insert(record, in: shard, readAt: generation)
            for session in sessions { inserted === record ? session.wasRestored() : session.wasNotRestored() }
            if let inserted { return inserted }
        }
    }

    /// Sets which values are read with each account from now on.
    func preload(_ values: [Preload]) { preloads.withLock { $0 = values } }

    /// Also reads these from now on, and reads new ones for the accounts in memory.
    func prepare(toPreload values: [Preload]) async throws(StorageError) {
        let added = preloads.withLock { preloads in
            let added = values.filter { value in !preloads.contains { $0.store == value.store } }
            preloads += added
            return added
        }
        guard !added.isEmpty else { return }
        for record in shards.flatMap({ shard in shard.records.withLock { Array($0.byKey.values) } }) {
            let stored = try await storage.storedAccount(record.jid, stores: added.map(\.store))
            for preload in added { preload.fill(record, stored?.values[preload.store] ?? [:]) }
        }
    }

    /// Sets how an account's sessions are restored.
    func restoreSessions(with restore: @escaping @Sendable (AccountRecord, [StoredAccount.Session]) -> [ClientSession])
    {
        self.restore.withLock { $0 = restore }
    }

    /// Sets who is told when changes of a roster could not be stored and were undone.
    func whenRosterIsUndone(_ body: @escaping AccountRecord.RosterUndone) { rosterWasUndone.withLock { $0 = body } }

    /// Sets who is told of accounts that were added.
    func whenAdded(_ body: @escaping @Sendable (Account) -> Void) { wasAdded.withLock { $0 = body } }

    /// Inserts a record, unless another look-up was faster. nil: what was read may be outdated.
    private func insert(_ record: AccountRecord, in shard: Shard, readAt generation: Int) -> AccountRecord? {
        shard.records.withLock { records in
            if let known = records.byKey[Key(jid: record.jid)] { return known }
            guard records.generation == generation else { return nil }
            if records.byKey.count >= shardCapacity.load(ordering: .relaxed) { Self.letGo(&records) }
            records.byKey[Key(jid: record.jid)] = record
            return record
        }
    }

    // MARK: Names that change hands

    /// Adds an account to the storage. If the name belonged to a removed account, this waits until nothing holds its
    /// record any more: whatever might still store something for that account does.
    ///
    /// - Parameter changes: committed with it.
    /// - Throws: `StorageError`, of kind `notYet` if that takes too long.
    public func add(
        _ account: Account, credentials: [SCRAMCredential], with changes: [StorageChange] = []
    ) async throws(StorageError) {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            let commit = Commit()
            // In one step, so that a removal begins either before this check or after the submission, which then fails.
            let former = shard(of: account.jid).records.withLock { records -> RecordEnd? in
                if let end = records.leaving[Key(jid: account.jid)], !end.hasCome { return end }
                storage.submit(
                    [.addAccount(account, credentials: credentials)] + changes, completion: commit.finish)
                return nil
            }
            guard let former else {
                try await commit.wait()
                wasAdded.withLock { $0 }(account)
                return
            }
            guard await value(of: { await former.wait() }, within: deadline - .now) != nil else {
                throw StorageError(
                    .notYet, "something of the account \(account.jid) that was removed is still under way; try again")
            }
        }
    }

    /// Begins the removal of an account.
    ///
    /// - Returns: comes when nothing holds the record any more; call `come` at once if the removal fails.
    func beginRemoval(of record: AccountRecord) -> RecordEnd {
        let end = RecordEnd()
        shard(of: record.jid).records.withLock { records in
            for (key, end) in records.leaving where end.hasCome { records.leaving[key] = nil }
            records.leaving[Key(jid: record.jid)] = end
        }
        record.tell(end)
        return end
    }

    /// Whether an account is being removed, or is removed and something still holds its record: whatever is stored about it
    /// from now on may stay.
    public func isLeaving(_ jid: JID) -> Bool {
        shard(of: jid).records.withLock { $0.leaving[Key(jid: jid)].map { !$0.hasCome } ?? false }
    }

    /// Drops a removed account.
    func remove(_ jid: JID) {
        shard(of: jid).records.withLock { records in
            records.byKey[Key(jid: jid)] = nil
            records.generation &+= 1
        }
    }

    /// All sessions of the host.
    public var sessions: [ClientSession] {
        shards.flatMap { shard in shard.records.withLock { $0.byKey.values.flatMap(\.sessions) } }
    }

    private static func letGo(_ records: inout Records) {
        var index = records.byKey.values.startIndex
        var unused: [Key] = []
        while index != records.byKey.values.endIndex {
            if isKnownUniquelyReferenced(&records.byKey.values[index]), !records.byKey.values[index].hasSessions {
                unused.append(Key(jid: records.byKey.values[index].jid))
            }
            records.byKey.values.formIndex(after: &index)
        }
        for key in unused { records.byKey[key] = nil }
        if !unused.isEmpty { records.generation &+= 1 }
    }
}
