import Foundation
import GRDB
import GRDBSQLite
import XMPP
import XMPPServer

/// SQLite's constant for bytes that it must copy.
private let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

extension ChangeWriter {
    /// Appends one archive entry. Binds by hand, as every message pays for this statement.
    mutating func append(_ entry: ArchiveEntry, _ marks: ArchiveMarks) throws {
        let list = try keys.list(entry, db)
        let peer = try keys.peer(entry, db)
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO archive (id, list, peer, is_incoming, time, stanza, resource, message, origin)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).sqliteStatement
        sqlite3_bind_int64(statement, 1, entry.id.rawValue)
        sqlite3_bind_int64(statement, 2, list)
        sqlite3_bind_int64(statement, 3, peer)
        sqlite3_bind_int64(statement, 4, entry.isIncoming ? 1 : 0)
        sqlite3_bind_int64(statement, 5, entry.time.milliseconds)
        entry.stanza.withUnsafeBytes { bytes in
            // An empty array may have no address, which SQLite would take for NULL.
            if bytes.isEmpty {
                _ = sqlite3_bind_zeroblob(statement, 6, 0)
            } else {
                _ = sqlite3_bind_blob64(statement, 6, bytes.baseAddress, sqlite3_uint64(bytes.count), transient)
            }
        }
        bind(marks.resource, 7, statement)
        bind(marks.messageID, 8, statement)
        bind(marks.originID, 9, statement)
        let code = sqlite3_step(statement)
        sqlite3_reset(statement)
        guard code == SQLITE_DONE else {
            throw DatabaseError(
                resultCode: ResultCode(rawValue: sqlite3_extended_errcode(db.sqliteConnection)),
                message: String(cString: sqlite3_errmsg(db.sqliteConnection))
            )
        }
        newestID = max(newestID, entry.id.rawValue)
    }

    private func bind(_ mark: String?, _ index: CInt, _ statement: SQLiteStatement) {
        if let mark {
            sqlite3_bind_int64(statement, index, marks.number(mark))
        } else {
            sqlite3_bind_null(statement, index)
        }
    }

    /// Replaces the stanza of an entry.
    func replaceArchived(owner: String, _ id: ArchiveID, _ stanza: [UInt8]) throws {
        let entry = "SELECT id FROM archive WHERE id = ? AND list IN (SELECT id FROM archive_list WHERE owner = ?)"
        try ArchiveWords.forget(entry, [id.rawValue, owner], db)
        try db.run("UPDATE archive SET stanza = ? WHERE id IN (\(entry))", [Data(stanza), id.rawValue, owner])
    }

    /// Removes the entries that the query selects.
    func removeArchived(_ query: ArchiveQuery) throws {
        guard query.limit > 0 else { return }
        let selection = try ArchiveSelection(query, marks, db)
        let entries = "SELECT archive.id FROM \(selection.sql)"
        try ArchiveWords.forget(entries, selection.arguments, db)
        try db.run("DELETE FROM archive WHERE id IN (\(entries))", selection.arguments)
    }

    /// Detaches all collections from their owner; `RemovedData` frees their space.
    mutating func removeArchive(owner: String) throws {
        try db.run("UPDATE archive_list SET owner = '\(RemovedData.prefix)' || id WHERE owner = ?", [owner])
        guard db.changesCount > 0 else { return }
        hasRemovedData = true
        keys.forget()
    }
}
