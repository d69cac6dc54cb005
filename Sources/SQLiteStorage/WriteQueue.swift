import Dispatch
import GRDB
import Logging
import Synchronization
import XMPPServer

/// Commits groups of changes in the order of submission, as many at once as are waiting.
///
/// An idle writer takes an urgent group at once, with all that waits; groups that arrive during a commit form the next
/// one. So a single client waits for one commit and a thousand clients share one. Groups that are not urgent wait for
/// others: a commit of one row costs about as much as one of fifty.
final class WriteQueue: Sendable {
    typealias Completion = @Sendable (Result<Void, StorageError>) -> Void
    /// Writes of the storage itself, beside changes.
    typealias Work = @Sendable (inout ChangeWriter) throws -> Void

    /// The limits of the queue.
    struct Limits {
        /// The maximum groups in one transaction.
        var groupsPerCommit = 4_000
        /// The maximum groups that wait or are being committed.
        var groups = 100_000
        /// The maximum bytes of changes that wait or are being committed.
        var bytes = 256 << 20
        /// The number of groups from which the queue is crowded.
        var crowd = 8_000
        /// How long groups that are not urgent wait.
        var patience = DispatchTimeInterval.milliseconds(100)
    }

    private struct Group {
        let changes: [StorageChange]
        var work: Work?
        let byteCount: Int
        let completion: Completion?

        var isEmpty: Bool { changes.isEmpty && work == nil }
    }

    private struct State {
        var waiting: [Group] = []
        var groupCount = 0
        var byteCount = 0
        var isWriting = false
        /// Whether a commit will begin by itself.
        var isScheduled = false
        /// Whether a waiting group is urgent.
        var isUrgent = false
        var waitingForRoom: [CheckedContinuation<Void, Never>] = []
        /// Why further groups are refused; nil: they are not.
        var refusal: String?
        /// Whether detached archives or maps wait to be freed.
        var hasRemovedData = false
    }

    private let pool: DatabasePool
    private let files: OpenFiles
    private let marks: MarkNumbers
    private let limits: Limits
    private let logger: Logger
    private let state = Mutex(State())
    /// Held by the writer while it writes.
    private let archiveKeys = Mutex(ArchiveKeys())
    private let refusals = DispatchQueue(label: "swallowtail.storage.refusals")
    private let timers = DispatchQueue(label: "swallowtail.storage.timers")
    /// The state's flag, readable without the lock.
    private let crowded = Atomic<Bool>(false)

    init(pool: DatabasePool, files: OpenFiles, marks: MarkNumbers, limits: Limits, _ logger: Logger) {
        self.logger = logger
        self.pool = pool
        self.files = files
        self.marks = marks
        self.limits = limits
    }

    /// Queues a group, or refuses it if the queue is full or closed. Never blocks.
    func submit(_ changes: [StorageChange], _ urgency: CommitUrgency, completion: Completion?) {
        let byteCount = changes.reduce(0) { $0 + $1.byteCount }
        submit(Group(changes: changes, byteCount: byteCount, completion: completion), urgency)
    }

    /// Queues work as a group of its own.
    func submit(_ work: @escaping Work, completion: @escaping Completion) {
        submit(Group(changes: [], work: work, byteCount: 0, completion: completion), .now)
    }

    private func submit(_ group: Group, _ urgency: CommitUrgency) {
        let refusal: StorageError? = state.withLock { state in
            if let refusal = state.refusal {
                return StorageError(.unavailable, refusal)
            }
            if state.groupCount >= limits.groups || group.byteCount > limits.bytes - state.byteCount {
                return StorageError(.unavailable, "the queue is full: \(state.groupCount) groups wait")
            }
            enqueue(group, urgency, &state)
            return nil
        }
        guard let refusal, let completion = group.completion else { return }
        refusals.async { completion(.failure(refusal)) }
    }

    /// Waits until all groups submitted before are committed or have failed.
    func flush() async {
        await withCheckedContinuation { continuation in
            let mark = Group(changes: [], byteCount: 0) { _ in continuation.resume() }
            state.withLock { state in enqueue(mark, .now, &state) }
        }
    }

    var isCrowded: Bool { crowded.load(ordering: .relaxed) }

    /// Returns when the queue is not crowded.
    func room() async {
        await withCheckedContinuation { continuation in
            let hasRoom = state.withLock { state in
                let hasRoom = state.groupCount < limits.crowd
                if !hasRoom { state.waitingForRoom.append(continuation) }
                return hasRoom
            }
            if hasRoom { continuation.resume() }
        }
    }

    /// Refuses all further groups for that reason. Earlier ones are still committed.
    func refuseAll(_ reason: String) {
        state.withLock { $0.refusal = reason }
    }

    /// Frees the space of removed archives and maps, step by step, between commits.
    func freeRemovedData() {
        state.withLock { state in
            state.hasRemovedData = true
            if !state.isWriting { begin(&state) }
        }
    }

    private func enqueue(_ group: Group, _ urgency: CommitUrgency, _ state: inout State) {
        state.waiting.append(group)
        state.groupCount += 1
        state.byteCount += group.byteCount
        if urgency == .now { state.isUrgent = true }
        if state.groupCount >= limits.crowd { crowded.store(true, ordering: .relaxed) }
        schedule(&state)
    }

    /// Schedules the writing of what waits, now or later.
    private func schedule(_ state: inout State) {
        guard !state.isWriting, !state.waiting.isEmpty else { return }
        if state.isUrgent || state.waiting.count >= limits.groupsPerCommit {
            begin(&state)
        } else if !state.isScheduled {
            state.isScheduled = true
            timers.asyncAfter(deadline: .now() + limits.patience) {
                self.state.withLock { state in
                    state.isScheduled = false
                    if !state.isWriting, !state.waiting.isEmpty { self.begin(&state) }
                }
            }
        }
    }

    private func begin(_ state: inout State) {
        state.isWriting = true
        pool.asyncWriteWithoutTransaction { db in self.write(db) }
    }
}

extension WriteQueue {
    /// Commits what waits, and continues while there is more. Between commits it frees the space of removed archives
    /// and maps.
    private func write(_ db: Database) {
        var canFree = true
        repeat {
            var rest = takeWaiting()[...]
            while !rest.isEmpty {
                let batch = rest.prefix(limits.groupsPerCommit)
                rest = rest.dropFirst(batch.count)
                finish(batch, commit(batch, db))
            }
            if canFree, mustFree() { canFree = free(db) }
        } while !hasEnded(canFree)
    }

    private func mustFree() -> Bool { state.withLock { $0.hasRemovedData && $0.refusal == nil } }

    /// - Returns: false if it failed: then it is tried again after the next commit.
    private func free(_ db: Database) -> Bool {
        do {
            try files.check()
            try db.run("BEGIN IMMEDIATE TRANSACTION")
            let isMore = try RemovedData.free(db)
            try db.run("COMMIT TRANSACTION")
            if !isMore { state.withLock { $0.hasRemovedData = false } }
            return true
        } catch {
            if db.isInsideTransaction { try? db.rollback() }
            return false
        }
    }

    private func takeWaiting() -> [Group] {
        state.withLock { state in
            state.isUrgent = false
            var groups: [Group] = []
            swap(&groups, &state.waiting)
            return groups
        }
    }

    /// Whether nothing is to be written at once.
    private func hasEnded(_ canFree: Bool) -> Bool {
        state.withLock { state in
            guard !state.isUrgent, state.waiting.count < limits.groupsPerCommit else { return false }
            if canFree, state.hasRemovedData, state.refusal == nil { return false }
            state.isWriting = false
            schedule(&state)
            return true
        }
    }

    private func finish(_ batch: ArraySlice<Group>, _ results: [Result<Void, StorageError>]) {
        let waiting: [CheckedContinuation<Void, Never>] = state.withLock { state in
            state.groupCount -= batch.count
            state.byteCount -= batch.reduce(0) { $0 + $1.byteCount }
            guard state.groupCount < limits.crowd else { return [] }
            crowded.store(false, ordering: .relaxed)
            defer { state.waitingForRoom = [] }
            return state.waitingForRoom
        }
        for (group, result) in zip(batch, results) {
            group.completion?(result)
        }
        for continuation in waiting { continuation.resume() }
    }

    private func commit(_ batch: ArraySlice<Group>, _ db: Database) -> [Result<Void, StorageError>] {
        guard batch.contains(where: { !$0.isEmpty }) else {
            return Array(repeating: .success(()), count: batch.count)
        }
        return archiveKeys.withLock { keys in
            do {
                try files.check()
                do {
                    return try commit(batch, db, &keys, canUndoGroups: false)
                } catch is ChangeWriter.HalfApplied {
                    // Failures are rare: then all groups are done again, with savepoints.
                    try db.rollback()
                    keys.forget()
                    return try commit(batch, db, &keys, canUndoGroups: true)
                }
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
        _ keys: inout ArchiveKeys,
        canUndoGroups: Bool
    ) throws -> [Result<Void, StorageError>] {
        var writer = ChangeWriter(db, keys: keys.take(), marks: marks, canUndoGroups: canUndoGroups, logger)
        var results: [Result<Void, StorageError>] = []
        results.reserveCapacity(batch.count)
        try db.run("BEGIN IMMEDIATE TRANSACTION")
        for group in batch {
            results.append(try writer.apply(group.changes, group.work))
        }
        try writer.finish()
        try db.run("COMMIT TRANSACTION")
        keys = writer.keys
        if writer.hasRemovedData { state.withLock { $0.hasRemovedData = true } }
        return results
    }
}

extension StorageChange {
    /// The approximate memory of a waiting change.
    fileprivate var byteCount: Int {
        let fixed = 256
        return switch self {
        case .putRosterItem(_, let item): fixed + (item.invitation?.count ?? 0)
        case .putValue(_, _, _, let value), .putItem(_, _, let value, _, _): fixed + value.count
        case .append(let entry, _): fixed + entry.stanza.count
        case .appendUnacknowledged(_, let message): fixed + message.stanza.count
        case .putSession(let session): fixed + (session.presence?.count ?? 0)
        default: fixed
        }
    }
}
