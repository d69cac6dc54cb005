import Dispatch
import Synchronization
import XMPPServer

/// A storage that fails or delays on demand.
public final class FailingStorage: Storage {
    private struct Plan {
        var calls = 0
        var failing: ClosedRange<Int>?
        /// Commits that succeed before all fail; nil: none fails.
        var commitsLeft: Int?
        var isHolding = false
        var usedStores: Set<String> = []
        var held: [@Sendable () -> Void] = []
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let storage: any Storage
    private let plan = Mutex(Plan())

    /// A storage that works like `storage` at first.
    public init(_ storage: any Storage) {
        self.storage = storage
    }

    /// Lets the `n`-th call from now fail; the next one is the first.
    public func fail(at n: Int) {
        plan.withLock { $0.failing = ($0.calls + n)...($0.calls + n) }
    }

    /// Lets all calls fail.
    public func failFromNowOn() {
        plan.withLock { $0.failing = $0.calls...Int.max }
    }

    /// Lets all commits fail after so many, as on a full disk; reads succeed.
    public func failCommits(after count: Int = 0) {
        plan.withLock { $0.commitsLeft = count }
    }

    /// Lets all calls succeed.
    public func recover() {
        plan.withLock { plan in
            plan.failing = nil
            plan.commitsLeft = nil
        }
    }

    /// Holds everything submitted from now on.
    public func holdCommits() {
        plan.withLock { $0.isHolding = true }
    }

    /// Waits until something is held.
    public func commitIsHeld() async {
        await withCheckedContinuation { continuation in
            let isHeld = plan.withLock { plan in
                if plan.held.isEmpty { plan.waiting.append(continuation) }
                return !plan.held.isEmpty
            }
            if isHeld { continuation.resume() }
        }
    }

    /// Submits what was held, in order, and stops holding.
    public func releaseCommits() {
        let held = plan.withLock { plan in
            defer { plan.held = [] }
            plan.isHolding = false
            return plan.held
        }
        for submit in held { submit() }
    }

    /// The stores that were written to.
    public var usedStores: Set<String> { plan.withLock { $0.usedStores } }

    /// The number of calls.
    public var calls: Int { plan.withLock { $0.calls } }

    /// How many calls an operation makes. Those of others beside it do not count.
    public func countCalls(of operation: () async throws -> Void) async rethrows -> Int {
        let count = Mutex(0)
        return try await Self.$noteCall.withValue({ count.withLock { $0 += 1 } }) {
            try await operation()
            return count.withLock { $0 }
        }
    }

    @TaskLocal private static var noteCall: (@Sendable () -> Void)?

    private func step() throws(StorageError) {
        Self.noteCall?()
        let fails = plan.withLock { plan in
            plan.calls += 1
            return plan.failing?.contains(plan.calls) ?? false
        }
        if fails { throw StorageError(.failed, "the test wants it so") }
    }

    public func account(_ jid: JID) async throws(StorageError) -> Account? {
        try step()
        return try await storage.account(jid)
    }

    public func account(host: String, accountID: String) async throws(StorageError) -> Account? {
        try step()
        return try await storage.account(host: host, accountID: accountID)
    }

    public func storedAccount(_ jid: JID, stores: [String]) async throws(StorageError) -> StoredAccount? {
        try step()
        return try await storage.storedAccount(jid, stores: stores)
    }

    public func accounts(host: String?) async throws(StorageError) -> [Account] {
        try step()
        return try await storage.accounts(host: host)
    }

    public func credentials(_ jid: JID) async throws(StorageError) -> [SCRAMCredential] {
        try step()
        return try await storage.credentials(jid)
    }

    public func token(digest: [UInt8]) async throws(StorageError) -> Token? {
        try step()
        return try await storage.token(digest: digest)
    }

    public func tokens(of jid: JID) async throws(StorageError) -> [Token] {
        try step()
        return try await storage.tokens(of: jid)
    }

    public func hasTokens(host: String) async throws(StorageError) -> Bool {
        try step()
        return try await storage.hasTokens(host: host)
    }

    public func grant(_ id: String) async throws(StorageError) -> Grant? {
        try step()
        return try await storage.grant(id)
    }

    public func grant(refreshFamily: [UInt8]) async throws(StorageError) -> Grant? {
        try step()
        return try await storage.grant(refreshFamily: refreshFamily)
    }

    public func grants(of jid: JID) async throws(StorageError) -> [Grant] {
        try step()
        return try await storage.grants(of: jid)
    }

    public func grants(host: String, app: String) async throws(StorageError) -> [Grant] {
        try step()
        return try await storage.grants(host: host, app: app)
    }

    public func roster(of jid: JID) async throws(StorageError) -> StoredRoster {
        try step()
        return try await storage.roster(of: jid)
    }

    public func value(_ store: String, _ owner: JID, key: String) async throws(StorageError) -> [UInt8]? {
        try step()
        return try await storage.value(store, owner, key: key)
    }

    public func values(_ store: String, _ owner: JID) async throws(StorageError) -> [String: [UInt8]] {
        try step()
        return try await storage.values(store, owner)
    }

    public func stores(of owner: JID) async throws(StorageError) -> [String] {
        try step()
        return try await storage.stores(of: owner)
    }

    public func accountsWithSessions(host: String) async throws(StorageError) -> [JID] {
        try step()
        return try await storage.accountsWithSessions(host: host)
    }

    public func archived(_ query: ArchiveQuery) async throws(StorageError) -> [ArchiveEntry] {
        try step()
        return try await storage.archived(query)
    }

    public func archivedCount(_ query: ArchiveQuery) async throws(StorageError) -> Int {
        try step()
        return try await storage.archivedCount(query)
    }

    public func archivePeers(
        collection: String, owner: JID, newest limit: Int
    ) async throws(StorageError) -> [ArchivePeer] {
        try step()
        return try await storage.archivePeers(collection: collection, owner: owner, newest: limit)
    }

    public func newestArchiveID() async throws(StorageError) -> ArchiveID? {
        try step()
        return try await storage.newestArchiveID()
    }

    public func archiveCollections(_ query: ArchiveQuery) async throws(StorageError) -> [ArchiveCollection] {
        try step()
        return try await storage.archiveCollections(query)
    }

    public func archivesOver(
        _ limits: ArchiveLimits, after owner: JID?, atMost count: Int
    ) async throws(StorageError) -> ArchiveSurplus {
        try step()
        return try await storage.archivesOver(limits, after: owner, atMost: count)
    }

    public func indexArchive(
        host: String, before end: ArchiveID, atMost count: Int
    ) async throws(StorageError) -> Bool {
        try step()
        return try await storage.indexArchive(host: host, before: end, atMost: count)
    }

    public func mapItems(_ map: MapName, keys: [String]) async throws(StorageError) -> [MapItem<[UInt8]>] {
        try step()
        return try await storage.mapItems(map, keys: keys)
    }

    public func mapPage(_ query: MapQuery) async throws(StorageError) -> MapPage<[UInt8]>? {
        try step()
        return try await storage.mapPage(query)
    }

    public func maps(
        of owner: JID, store: String, after name: String?, atMost count: Int
    ) async throws(StorageError) -> [String] {
        try step()
        return try await storage.maps(of: owner, store: store, after: name, atMost: count)
    }

    public var schemaVersion: Int { storage.schemaVersion }

    public func integrityCheck() async throws(StorageError) -> [String] { try await storage.integrityCheck() }

    public func archiveSecret() async throws(StorageError) -> [UInt8] {
        try step()
        return try await storage.archiveSecret()
    }

    public func submit(
        _ changes: [StorageChange], _ urgency: CommitUrgency,
        completion: (@Sendable (Result<Void, StorageError>) -> Void)?
    ) {
        for change in changes {
            switch change {
            case .putValue(let store, _, _, _): plan.withLock { _ = $0.usedStores.insert(store) }
            case .putItem(let map, _, _, _, _): plan.withLock { _ = $0.usedStores.insert(map.store) }
            default: break
            }
        }
        do throws(StorageError) {
            try step()
            let fails = plan.withLock { plan in
                plan.commitsLeft.map { left in
                    plan.commitsLeft = max(left - 1, 0)
                    return left == 0
                } ?? false
            }
            if fails { throw StorageError(.failed, "as the test wants it") }
            let storage = storage
            let submit: @Sendable () -> Void = { storage.submit(changes, urgency, completion: completion) }
            let waiting: [CheckedContinuation<Void, Never>]? = plan.withLock { plan in
                guard plan.isHolding else { return nil }
                plan.held.append(submit)
                defer { plan.waiting = [] }
                return plan.waiting
            }
            guard let waiting else { return submit() }
            for continuation in waiting { continuation.resume() }
        } catch {
            // Like every storage: not within the call.
            if let completion { DispatchQueue.global().async { completion(.failure(error)) } }
        }
    }

    public var isCrowded: Bool { storage.isCrowded }
    public func room() async { await storage.room() }
    public func flush() async { await storage.flush() }
    public func backUp(to path: String, with files: [String: [UInt8]]) async throws(StorageError) {
        try await storage.backUp(to: path, with: files)
    }

    @discardableResult
    public func close() async -> StorageError? { await storage.close() }
}
