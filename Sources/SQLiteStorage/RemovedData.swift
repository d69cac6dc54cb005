import GRDB

/// Archives of removed owners, and removed maps: they cannot be found, and their space is freed step by step.
///
/// A removal renames the owner of each list or map to something that is no JID, so its cost does not depend on the
/// content.
enum RemovedData {
    /// The prefix of such an owner; no JID has a space in it.
    static let prefix = "removed "

    /// The maximum entries or items freed in a step, and about how many bytes.
    private static let rows = 250
    private static let bytes = 1 << 20

    /// Whether there are any.
    static func exist(_ db: Database) throws -> Bool {
        try next("archive_list", db) != nil || next("map", db) != nil
    }

    /// Frees the next entries or items, within the open transaction.
    ///
    /// - Returns: whether there may be more.
    static func free(_ db: Database) throws -> Bool {
        if let list = try next("archive_list", db) {
            try freeArchive(list, db)
        } else if let map = try next("map", db) {
            try freeMap(map, db)
        } else {
            return false
        }
        return true
    }

    private static func freeArchive(_ list: Int64, _ db: Database) throws {
        let sql = "SELECT id, length(stanza) FROM archive WHERE list = ? ORDER BY id LIMIT ?"
        guard let last = try last(sql, list, db) else {
            return try db.run("DELETE FROM archive_list WHERE id = ?", [list])
        }
        let freed = "SELECT id FROM archive WHERE list = ? AND id <= ?"
        try ArchiveWords.forget(freed, [list, last], db)
        try db.run("DELETE FROM archive WHERE id IN (\(freed))", [list, last])
    }

    private static func freeMap(_ map: Int64, _ db: Database) throws {
        let sql = "SELECT place, length(value) FROM map_item WHERE map = ? ORDER BY place LIMIT ?"
        guard let last = try last(sql, map, db) else {
            return try db.run("DELETE FROM map WHERE id = ?", [map])
        }
        try db.run("DELETE FROM map_item WHERE map = ? AND place <= ?", [map, last])
    }

    /// The last row of a step; nil: there are none.
    ///
    /// - Parameter sql: selects the rows' numbers and sizes, in order.
    private static func last(_ sql: String, _ owner: Int64, _ db: Database) throws -> Int64? {
        let rows = try Row.fetchCursor(db.prepared(sql, [owner, Self.rows]))
        var last: Int64?
        var size = 0
        while size < bytes, let row = try rows.next() {
            last = row[0]
            size += row[1]
        }
        return last
    }

    /// - Parameter table: the table of owners.
    private static func next(_ table: StaticString, _ db: Database) throws -> Int64? {
        let sql = "SELECT id FROM \(table) WHERE owner >= ? AND owner < ? LIMIT 1"
        // The character after the space.
        return try Int64.fetchOne(db.prepared(sql, [prefix, prefix.dropLast() + "!"]))
    }
}
