import Foundation
import GRDB
import Logging
import Synchronization
import XMPP
import XMPPServer

/// The storage on SQLite: one database file in WAL mode, one writer that commits in batches, and a few readers.
///
/// Every commit is synced to disk before it is reported, and every read that starts afterwards sees it. Only one
/// process at a time may have the database open for writing; readers do not disturb it.
public final class SQLiteStorage: Storage {
    /// The purpose of opening a storage.
    public enum Access: Sendable {
        /// To read and write. Makes the database if it does not exist, and migrates it.
        case write
        /// To read only, beside a process that may be writing. Every change is refused as `unavailable`.
        case read
    }

    /// The version of the schema: the number of the last migration.
    public let schemaVersion: Int

    let pool: DatabasePool
    let marks: MarkNumbers
    private let queue: WriteQueue
    private let reads: ReadQueue
    private let backup = BackupRun()
    private let lock: StoreLock?
    private let path: String
    private let isClosed = Atomic<Bool>(false)

    /// Opens the database file at `path`. Blocks the thread until it is ready.
    ///
    /// Opened for writing, a missing directory is made with mode 0700 and a missing file with mode 0600.
    ///
    /// - Parameter logger: is told of stored stanzas that cannot be read; everything else is an error of a call.
    /// - Throws: `StorageError`; kind `inUse` if another process has it open for writing, kind `notFound` if it is to
    ///   be read and does not exist.
    public convenience init(
        path: String, access: Access = .write, logger: Logger? = nil
    ) throws(StorageError) {
        try self.init(path: path, access: access, limits: WriteQueue.Limits(), logger: logger ?? .none)
    }

    init(path: String, access: Access, limits: WriteQueue.Limits, logger: Logger = .none) throws(StorageError) {
        self.path = path
        switch access {
        case .write:
            let directory = try FileCalls.makeDirectory(of: path)
            lock = try StoreLock(directory: directory)
            try StoreFiles.prepareDatabase(path)
        case .read:
            try StoreFiles.requireDatabase(path)
            lock = nil
        }
        do {
            pool = try DatabasePool(path: path, configuration: Self.configuration(access))
            schemaVersion = try Self.prepare(pool, access, logger)
            let (secret, hasRemovedData) = try pool.read { db in
                (try db.archiveSecret(), try access == .write && RemovedData.exist(db))
            }
            marks = MarkNumbers(secret: secret)
            queue = WriteQueue(pool: pool, files: OpenFiles(database: path), marks: marks, limits: limits, logger)
            if hasRemovedData { queue.freeRemovedData() }
        } catch {
            throw StorageError(error)
        }
        reads = ReadQueue(pool: pool)
        if access == .read { queue.refuseAll("the store is open for reading only") }
    }

    public func submit(
        _ changes: [StorageChange], _ urgency: CommitUrgency,
        completion: (@Sendable (Result<Void, StorageError>) -> Void)?
    ) {
        queue.submit(changes, urgency, completion: completion)
    }

    /// Runs work of the storage itself in the queue, as a group of its own, and waits until it is durable.
    func write(_ work: @escaping WriteQueue.Work) async throws(StorageError) {
        let result = await withCheckedContinuation { continuation in
            queue.submit(work) { result in continuation.resume(returning: result) }
        }
        try result.get()
    }

    public var isCrowded: Bool { queue.isCrowded }

    public func room() async {
        await queue.room()
    }

    public func flush() async {
        await queue.flush()
    }

    public func backUp(to path: String, with files: [String: [UInt8]]) async throws(StorageError) {
        try await backup.run { [database = self.path] isCancelled in
            Result { () throws(StorageError) in
                try StoreBackup.write(database: database, with: files, to: path, unless: isCancelled)
            }
        }
    }

    @discardableResult
    public func close() async -> StorageError? {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return nil }
        queue.refuseAll("the store is closed")
        await queue.flush()
        await backup.close()
        await reads.close()
        defer { lock?.release() }
        do {
            // Closing would leave it to connections that only read, which cannot do it.
            if lock != nil { try await checkpoint() }
            try pool.close()
            return nil
        } catch {
            return StorageError(
                .failed,
                "what was stored last is in \(path)-wal, and has to stay with \(path): \(StorageError(error).diagnosis)"
            )
        }
    }

    /// Moves the write-ahead log into the database, so that the database file alone is complete.
    private func checkpoint() async throws {
        let result: Result<Void, any Error> = await withCheckedContinuation { continuation in
            pool.asyncWriteWithoutTransaction { db in
                continuation.resume(
                    returning: Result {
                        // How long another process may still read before this is given up.
                        try db.execute(sql: "PRAGMA busy_timeout = 1000")
                        try db.checkpoint(.truncate)
                    })
            }
        }
        try result.get()
    }

    /// Runs a read on one of the readers; it sees the database as it was when the read began.
    ///
    /// - Parameters:
    ///   - account: whose turn it takes if the current task reads for none (see `ReadTurn`).
    ///   - time: how long it may take; nil: unlimited.
    func read<Value: Sendable>(
        for account: JID? = nil, within time: Duration? = SQLiteStorage.readTime,
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StorageError) -> Value {
        try await reads.read(for: Self.turn(of: account), within: time, body)
    }

    /// Whose turn a read of the current task takes.
    static func turn(of account: JID?) -> JID? { (ReadTurn.account ?? account)?.bare }

    /// The maximum time of a read: a hundred times the longest that a client can need.
    static let readTime = Duration.seconds(10)
}

extension SQLiteStorage {
    /// Looks for damage in the whole file: pages, indexes, and references between tables. Reads everything.
    ///
    /// - Returns: a sentence for each problem; empty if the database is sound.
    public func integrityCheck() async throws(StorageError) -> [String] {
        try await read(within: nil) { db in try Self.damage(db) }
    }

    /// A database's problems, a sentence for each.
    static func damage(_ db: Database) throws -> [String] {
        let damage = try String.fetchAll(db, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
        let references = try db.foreignKeyViolations()
        return try damage + Array(references.map { "the table \($0.originTable) refers to a missing row" })
    }

    private static func configuration(_ access: Access) -> Configuration {
        var configuration = Configuration()
        configuration.label = "swallowtail.storage"
        configuration.readonly = access == .read
        configuration.maximumReaderCount = 4
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { db in
            // Readers also find pages in the kernel's cache; the writer must not write before the commit.
            try db.execute(sql: "PRAGMA cache_size = \(db.configuration.readonly ? -1024 : -16384)")
        }
        return configuration
    }

    /// Sets up the writer, migrates the database, and returns its version.
    private static func prepare(_ pool: DatabasePool, _ access: Access, _ logger: Logger) throws -> Int {
        let migrator = Schema.migrator(logger)
        if access == .write {
            try pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = FULL")
                try db.execute(sql: "PRAGMA wal_autocheckpoint = 16000")
                try db.execute(sql: "PRAGMA journal_size_limit = 134217728")
            }
        }
        guard try !pool.read(migrator.hasBeenSuperseded) else {
            throw StorageError(.failed, "the database was made by a newer release of this program")
        }
        if access == .write { try migrator.migrate(pool) }
        return try pool.read(Schema.version)
    }
}

extension Logger {
    /// Drops what is logged.
    static let none = Logger(label: "none") { _ in SwiftLogNoOpLogHandler() }
}
