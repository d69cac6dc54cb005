import GRDB
import GRDBSQLite
import Synchronization
import XMPPServer

/// Interrupts a read that was cancelled or takes too long.
final class ReadLimit: Sendable {
    /// The number of SQLite's steps between checks: some tens of microseconds.
    private static let steps: CInt = 1000

    private let isCancelled = Atomic<Bool>(false)
    private let time: Duration?
    private let end = Mutex<ContinuousClock.Instant?>(nil)

    /// - Parameter time: how long the read may take; nil: unlimited.
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
    /// - Throws: an error of `body`; an SQLite error with the code `SQLITE_INTERRUPT` if the read was interrupted.
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
