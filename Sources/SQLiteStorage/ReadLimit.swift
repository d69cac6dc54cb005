import GRDB
import GRDBSQLite
import Synchronization
import XMPPServer

/// Ends a read that nobody waits for any more, or that takes too long, wherever SQLite is within it.
final class ReadLimit: Sendable {
    /// After how many of SQLite's steps the read is looked at: some tens of microseconds.
    private static let steps: CInt = 1000

    private let isCancelled = Atomic<Bool>(false)
    private let time: Duration?
    private let end = Mutex<ContinuousClock.Instant?>(nil)

    /// - Parameter time: how long the read may take, from its beginning on; nil: any time.
    init(_ time: Duration?) {
        self.time = time
    }

    func cancel() { isCancelled.store(true, ordering: .relaxed) }

    var isOver: Bool {
        if isCancelled.load(ordering: .relaxed) { return true }
        return end.withLock { end in end.map { $0 < .now } ?? false }
    }

    /// Runs the read.
    ///
    /// - Throws: what `body` throws; an SQLite error with the code `SQLITE_INTERRUPT` if the read has been ended.
    func watch<Value>(_ db: Database, _ body: (Database) throws -> Value) throws -> Value {
        end.withLock { $0 = time.map { .now + $0 } }
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_progress_handler(
            db.sqliteConnection, Self.steps,
            { context in
                guard let context else { return 0 }
                return Unmanaged<ReadLimit>.fromOpaque(context).takeUnretainedValue().isOver ? 1 : 0
            }, context)
        defer { sqlite3_progress_handler(db.sqliteConnection, 0, nil, nil) }
        return try body(db)
    }
}
