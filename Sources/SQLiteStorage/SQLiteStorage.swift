import Foundation
import GRDB
import XMPP
import XMPPServer

/// The storage on SQLite: one database file in WAL mode, one writer that commits in batches, a few readers beside it.
///
/// Every commit is synchronous to the disk before it is reported, and what was reported is seen by every read that
/// starts afterwards. One process at a time may have the database open for writing; readers do not disturb it.
public final class SQLiteStorage: Storage {
    /// What a storage is opened for.
    public enum Access: Sendable {
        /// To read and write. Makes the database if there is none, and brings its tables up to date.
        case write
        /// To read only, beside a process that may be writing. Every change is refused as `unavailable`.
        case read
    }

    /// The version of the tables: the number of the last migration that was applied.
    public let schemaVersion: Int

    let pool: DatabasePool
    let marks: MarkNumbers
    private let queue: WriteQueue
    private let reads: ReadQueue
    private let lock: StoreLock?

    /// Opens the database file at `path`. Blocks the thread until it is ready.
    ///
    /// Opened for writing, a missing directory is made with mode 0700 and a missing file with mode 0600.
    ///
    /// - Throws: `StorageError`; kind `inUse` if another process has it open for writing, kind `notFound` if it is to
    ///   be read and is not there.
    public convenience init(path: String, access: Access = .write) throws(StorageError) {
        try self.init(path: path, access: access, limits: WriteQueue.Limits())
    }

    init(path: String, access: Access, limits: WriteQueue.Limits) throws(StorageError) {
        switch access {
        case .write:
            let directory = try StoreFiles.prepareDirectory(of: path)
            lock = try StoreLock(directory: directory)
            try StoreFiles.prepareDatabase(path)
        case .read:
            try StoreFiles.requireDatabase(path)
            lock = nil
        }
        do {
            pool = try DatabasePool(path: path, configuration: Self.configuration(access))
            schemaVersion = try Self.prepare(pool, access)
            let (secret, hasRemovedArchives) = try pool.read { db in
                (try db.archiveSecret(), try access == .write && RemovedArchives.exist(db))
            }
            marks = MarkNumbers(secret: secret)
            queue = WriteQueue(pool: pool, files: OpenFiles(database: path), marks: marks, limits: limits)
            if hasRemovedArchives { queue.freeRemovedArchives() }
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

    public var isCrowded: Bool { queue.isCrowded }

    public func room() async {
        await queue.room()
    }

    public func flush() async {
        await queue.flush()
    }

    public func close() async {
        queue.refuseAll("the store is closed")
        await queue.flush()
        await reads.close()
        // A connection that cannot be closed now is closed when the process ends; all that counts is durable by here.
        try? pool.close()
        lock?.release()
    }

    /// Runs a read on one of the readers; it sees the database as it was when it began.
    ///
    /// - Parameters:
    ///   - account: whose turn it takes if the current task reads for none (see `ReadTurn`).
    ///   - time: how long it may take; nil: any time.
    func read<Value: Sendable>(
        for account: JID? = nil, within time: Duration? = SQLiteStorage.readTime,
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StorageError) -> Value {
        try await reads.read(for: Self.turn(of: account), within: time, body)
    }

    /// Whose turn a read of the current task takes.
    static func turn(of account: JID?) -> JID? { (ReadTurn.account ?? account)?.bare }

    /// How long a read takes at most: a hundred times as long as the longest that a client can have a reason for.
    static let readTime = Duration.seconds(10)
}

extension SQLiteStorage {
    /// Looks for damage in the whole file: pages, indexes, and references between tables. Reads everything.
    ///
    /// - Returns: a sentence for each thing that is wrong; empty if the database is sound.
    public func integrityCheck() async throws(StorageError) -> [String] {
        try await read(within: nil) { db in
            let damage = try String.fetchAll(db, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
            let references = try db.foreignKeyViolations()
            return try damage + Array(references.map { "the table \($0.originTable) refers to a missing row" })
        }
    }

    private static func configuration(_ access: Access) -> Configuration {
        var configuration = Configuration()
        configuration.label = "swallowtail.storage"
        configuration.readonly = access == .read
        configuration.maximumReaderCount = 4
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { db in
            // Readers find pages in the kernel's cache as well; the writer must not write before the commit.
            try db.execute(sql: "PRAGMA cache_size = \(db.configuration.readonly ? -1024 : -16384)")
        }
        return configuration
    }

    /// Sets up the writer, brings the tables up to date, and returns their version.
    private static func prepare(_ pool: DatabasePool, _ access: Access) throws -> Int {
        let migrator = Schema.migrator
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
