import GRDB

/// Archives whose owners have been removed: nobody finds them, and their room is freed step by step.
///
/// The removal gives each of an owner's lists a name that no JID is like, so it costs the same whatever there is in them.
enum RemovedArchives {
    /// What such a list's owner begins with. No JID has a space in it.
    static let prefix = "removed "

    /// The most entries, and bytes of stanzas (about), that a step frees.
    private static let entries = 250
    private static let bytes = 1 << 20

    /// Whether there are any.
    static func exist(_ db: Database) throws -> Bool { try next(db) != nil }

    /// Frees the next entries, within the transaction that is open.
    ///
    /// - Returns: whether there may be more.
    static func free(_ db: Database) throws -> Bool {
        guard let list = try next(db) else { return false }
        let rows = try Row.fetchCursor(
            db.prepared("SELECT id, length(stanza) FROM archive WHERE list = ? ORDER BY id LIMIT ?", [list, entries]))
        var last: Int64?
        var size = 0
        while size < bytes, let row = try rows.next() {
            last = row[0]
            size += row[1]
        }
        guard let last else {
            try db.run("DELETE FROM archive_list WHERE id = ?", [list])
            return true
        }
        let freed = "SELECT id FROM archive WHERE list = ? AND id <= ?"
        try ArchiveWords.forget(freed, [list, last], db)
        try db.run("DELETE FROM archive WHERE id IN (\(freed))", [list, last])
        return true
    }

    private static func next(_ db: Database) throws -> Int64? {
        let sql = "SELECT id FROM archive_list WHERE owner >= ? AND owner < ? LIMIT 1"
        // The character behind the space.
        return try Int64.fetchOne(db.prepared(sql, [prefix, prefix.dropLast() + "!"]))
    }
}
