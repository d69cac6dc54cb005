import Foundation
import GRDB
import XMPPServer

/// A store in one file: its database as it was at one moment and, in a table of its own, the files that belong to it.
///
/// The file is a self-contained database.
enum StoreBackup {
    /// Pages per step. Each step is made durable before the next, so that a commit of the server, which uses the same
    /// disk, waits for at most this.
    private static let pagesPerStep: CInt = 1024

    private static let files = "backed_up_file"

    /// Writes a backup of the database, without disturbing writers or being disturbed: it is read in one transaction,
    /// on a connection of its own.
    ///
    /// - Parameters:
    ///   - files: further files of the store, by name.
    ///   - isCancelled: called after each step.
    /// - Throws: `StorageError`, of kind `alreadyExists` if `path` exists; a failed backup leaves nothing there.
    static func write(
        database: String, with files: [String: [UInt8]], to path: String,
        unless isCancelled: @escaping () -> Bool = { false }
    ) throws(StorageError) {
        try requireNone(at: path)
        let draft = try DraftFile(path)
        try copy(database, to: draft, unless: isCancelled) { db in
            // A store restored by copying a backup has one.
            try db.execute(sql: "DROP TABLE IF EXISTS \(self.files)")
            try db.execute(
                sql: "CREATE TABLE \(self.files) (name TEXT NOT NULL PRIMARY KEY, content BLOB NOT NULL) STRICT")
            for (name, content) in files {
                try db.execute(sql: "INSERT INTO \(self.files) VALUES (?, ?)", arguments: [name, Data(content)])
            }
        }
        try requireNone(at: path)
        try draft.finish()
    }

    private static func requireNone(at path: String) throws(StorageError) {
        guard !FileCalls.exists(path) else {
            throw StorageError(.alreadyExists, "there is something at \(path) already")
        }
    }

    /// The content of a backup.
    struct Content {
        /// The version of the schema.
        let version: Int
        let accounts: Int
        let files: [String: [UInt8]]
    }

    /// Copies a backup, or any database of a store, to a new store, and checks it.
    ///
    /// - Throws: `StorageError` if it is damaged, of a newer release, or something else.
    static func read(_ backup: String, to draft: DraftFile) throws(StorageError) -> Content {
        guard FileCalls.isRegular(backup) else { throw StorageError(.notFound, "there is no file \(backup)") }
        return try copy(backup, to: draft) { db in
            guard try db.tableExists("grdb_migrations"), try Schema.version(db) > 0 else {
                throw StorageError(.failed, "\(backup) is not the backup of a store")
            }
            guard try !Schema.migrator().hasBeenSuperseded(db) else {
                throw StorageError(.failed, "\(backup) was made by a newer release of this program")
            }
            if let damage = try SQLiteStorage.damage(db).first {
                throw StorageError(.failed, "\(backup) is damaged: \(damage)")
            }
            var content: [String: [UInt8]] = [:]
            if try db.tableExists(files) {
                for row in try Row.fetchAll(db, sql: "SELECT name, content FROM \(files)") {
                    content[row["name"]] = try row.bytes("content")
                }
                try db.execute(sql: "DROP TABLE \(files)")
            }
            return Content(
                version: try Schema.version(db),
                accounts: try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM account") ?? 0, files: content)
        }
    }

    /// Copies a database as it is at this moment, and completes the copy.
    private static func copy<Result>(
        _ database: String, to draft: DraftFile, unless isCancelled: @escaping () -> Bool = { false },
        completing: (Database) throws -> Result
    ) throws(StorageError) -> Result {
        do {
            var configuration = Configuration()
            configuration.label = "swallowtail.backup"
            configuration.busyMode = .timeout(10)
            let target = try DatabaseQueue(path: draft.draft, configuration: configuration)
            configuration.readonly = true
            let source = try DatabaseQueue(path: database, configuration: configuration)
            let result = try target.writeWithoutTransaction { target in
                try prepare(target)
                try source.read { source in
                    // From here on the transaction sees one moment.
                    _ = try Int.fetchOne(source, sql: "SELECT COUNT(*) FROM sqlite_schema")
                    try source.backup(to: target, pagesPerStep: pagesPerStep) { _ in
                        guard !isCancelled() else { throw StorageError(.cancelled, "the store is closed") }
                        try draft.synchronize()
                    }
                }
                // The copy has the flag for a write-ahead log, like the database.
                try prepare(target)
                return try completing(target)
            }
            try source.close()
            try target.close()
            return result
        } catch let error as DatabaseError {
            let code = error.extendedResultCode
            throw StorageError(.failed, "cannot copy \(database) to \(draft.draft): SQLite \(code)")
        } catch {
            throw StorageError(error)
        }
    }

    /// No files are made beside the copy; `DraftFile` makes it durable.
    private static func prepare(_ target: Database) throws {
        try target.execute(
            sql: "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
    }
}
