import GRDB
import XMPP
import XMPPServer

/// The times of entries, beside those in their ids.
///
/// They are equal unless the clock went back. So a time is searched by id, for which there are indexes; a list with
/// differing times is scanned. An index of times has only differing entries, so that appending others costs nothing.
enum ArchiveTimes {
    /// Whether an entry's time differs from the one in its id; the condition of the index `archive_by_time`.
    static let differs = "time <> (id >> 20)"

    /// Whether an entry of the list has a time that differs from its id.
    static func differ(in list: Int64, _ db: Database) throws -> Bool {
        let sql = "SELECT EXISTS (SELECT 1 FROM archive WHERE list = ? AND \(differs))"
        return try Bool.fetchOne(db.prepared(sql, [list])) ?? false
    }

    /// Whether an entry of the list is earlier than a time.
    static func exist(before time: Timestamp, in list: Int64, _ db: Database) throws -> Bool {
        // No time is later than the one in the id.
        let sql = """
            SELECT EXISTS (SELECT 1 FROM archive WHERE list = ?1 AND id < ?2)
                OR EXISTS (SELECT 1 FROM archive WHERE list = ?1 AND \(differs) AND time < ?3)
            """
        let arguments: StatementArguments = [list, ArchiveID.first(at: time).rawValue, time.milliseconds]
        return try Bool.fetchOne(db.prepared(sql, arguments)) ?? false
    }
}

extension ArchiveQuery {
    /// The same query by ids alone, for a list without differing times.
    var byIDs: ArchiveQuery {
        var query = self
        query.restrictBySince()
        if let until { query.restrict(before: ArchiveID.first(at: until)) }
        (query.since, query.until) = (nil, nil)
        return query
    }

    /// Leaves out ids that are earlier than the whole range.
    mutating func restrictBySince() {
        if let since { restrict(after: ArchiveID(rawValue: ArchiveID.first(at: since).rawValue - 1)) }
    }
}
