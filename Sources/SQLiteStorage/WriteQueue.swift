import Dispatch
import GRDB
import Synchronization
import XMPPServer

/// Commits groups of changes in the order of submission, as many at once as are waiting.
///
/// There is no timer: an idle writer takes a group at once, and what comes in while a commit is under way makes the
/// next one. So a lone writer waits for one commit and a thousand writers share one.
final class WriteQueue: Sendable {
    typealias Completion = @Sendable (Result<Void, StorageError>) -> Void

    /// How much the queue takes.
    struct Limits {
        /// The most groups in one transaction.
        var groupsPerCommit = 1_000
        /// The most groups that wait or are being committed.
        var groups = 100_000
        /// The most bytes of changes that wait or are being committed.
        var bytes = 256 << 20
    }

    private struct Group {
        let changes: [StorageChange]
        let byteCount: Int
        let completion: Completion?
    }

    private struct State {
        var waiting: [Group] = []
        var groupCount = 0
        var byteCount = 0
        var isWriting = false
        /// Why every further group is refused; nil: it is not.
        var refusal: String?
    }

    private let pool: DatabasePool
    private let limits: Limits
    private let state = Mutex(State())
    /// Held by the writer for as long as it writes.
    private let archiveKeys = Mutex(ArchiveKeys())
    private let refusals = DispatchQueue(label: "swallowtail.storage.refusals")

    init(pool: DatabasePool, limits: Limits) {
        self.pool = pool
        self.limits = limits
    }

    /// Puts a group in the queue, or refuses it when the queue is full or closed. Never blocks.
    func submit(_ changes: [StorageChange], completion: Completion?) {
        let byteCount = changes.reduce(0) { $0 + $1.byteCount }
        let group = Group(changes: changes, byteCount: byteCount, completion: completion)
        let refusal: StorageError? = state.withLock { state in
            if let refusal = state.refusal {
                return StorageError(.unavailable, refusal)
            }
            if state.groupCount >= limits.groups || byteCount > limits.bytes - state.byteCount {
                return StorageError(.unavailable, "the queue is full: \(state.groupCount) groups wait")
            }
            enqueue(group, &state)
            return nil
        }
        guard let refusal, let completion else { return }
        refusals.async { completion(.failure(refusal)) }
    }

    /// Waits until all groups submitted before are committed or have failed.
    func flush() async {
        await withCheckedContinuation { continuation in
            let mark = Group(changes: [], byteCount: 0) { _ in continuation.resume() }
            state.withLock { state in enqueue(mark, &state) }
        }
    }

    /// Refuses all further groups for that reason. Those submitted before are still committed.
    func refuseAll(_ reason: String) {
        state.withLock { $0.refusal = reason }
    }

    private func enqueue(_ group: Group, _ state: inout State) {
        state.waiting.append(group)
        state.groupCount += 1
        state.byteCount += group.byteCount
        guard !state.isWriting else { return }
        state.isWriting = true
        pool.asyncWriteWithoutTransaction { db in self.write(db) }
    }
}

extension WriteQueue {
    /// Commits until nothing waits.
    private func write(_ db: Database) {
        while let groups = takeWaiting() {
            var rest = groups[...]
            while !rest.isEmpty {
                let batch = rest.prefix(limits.groupsPerCommit)
                rest = rest.dropFirst(batch.count)
                finish(batch, commit(batch, db))
            }
        }
    }

    private func takeWaiting() -> [Group]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isWriting = false
                return nil
            }
            var groups: [Group] = []
            swap(&groups, &state.waiting)
            return groups
        }
    }

    private func finish(_ batch: ArraySlice<Group>, _ results: [Result<Void, StorageError>]) {
        state.withLock { state in
            state.groupCount -= batch.count
            state.byteCount -= batch.reduce(0) { $0 + $1.byteCount }
        }
        for (group, result) in zip(batch, results) {
            group.completion?(result)
        }
    }

    private func commit(_ batch: ArraySlice<Group>, _ db: Database) -> [Result<Void, StorageError>] {
        guard batch.contains(where: { !$0.changes.isEmpty }) else {
            return Array(repeating: .success(()), count: batch.count)
        }
        return archiveKeys.withLock { keys in
            do {
                return try commit(batch, db, &keys)
            } catch {
                if db.isInsideTransaction { try? db.rollback() }
                keys.forget()
                return Array(repeating: .failure(StorageError(error)), count: batch.count)
            }
        }
    }

    private func commit(
        _ batch: ArraySlice<Group>,
        _ db: Database,
        _ keys: inout ArchiveKeys
    ) throws -> [Result<Void, StorageError>] {
        var writer = ChangeWriter(db, keys: keys.take())
        var results: [Result<Void, StorageError>] = []
        results.reserveCapacity(batch.count)
        try db.run("BEGIN IMMEDIATE TRANSACTION")
        for group in batch {
            results.append(try writer.apply(group.changes))
        }
        try writer.finish()
        try db.run("COMMIT TRANSACTION")
        keys = writer.keys
        return results
    }
}

extension StorageChange {
    /// About how much memory the change takes while it waits.
    fileprivate var byteCount: Int {
        let fixed = 256
        return switch self {
        case .putRosterItem(_, let item): fixed + (item.invitation?.count ?? 0)
        case .putValue(_, _, _, let value): fixed + value.count
        case .append(let entry): fixed + entry.stanza.count
        default: fixed
        }
    }
}
