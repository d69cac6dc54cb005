import GRDB
import XMPP
import XMPPServer

/// The times of entries, beside those that their ids tell.
///
/// The two are the same unless the clock went back: so a time is looked for by ids, for which there are indexes, and a list
/// with entries whose times differ is looked through. An index of times has those entries alone, so that it costs nothing to
/// append another one.
enum ArchiveTimes {
    /// Whether an entry's time is not the one that its id tells. The index `archive_by_time` has this condition.
    static let differs = "time <> (id >> 20)"

    /// Whether any entry of the list has a time that its id does not tell.
    static func differ(in list: Int64, _ db: Database) throws -> Bool {
        let sql = "SELECT EXISTS (SELECT 1 FROM archive WHERE list = ? AND \(differs))"
        return try Bool.fetchOne(db.prepared(sql, [list])) ?? false
    }

    /// Whether any entry of the list is of an earlier time.
    static func exist(before time: Timestamp, in list: Int64, _ db: Database) throws -> Bool {
        // No time is later than the one that the id tells.
        let sql = """
            SELECT EXISTS (SELECT 1 FROM archive WHERE list = ?1 AND id < ?2)
                OR EXISTS (SELECT 1 FROM archive WHERE list = ?1 AND \(differs) AND time < ?3)
            """
        let arguments: StatementArguments = [list, ArchiveID.first(at: time).rawValue, time.milliseconds]
        return try Bool.fetchOne(db.prepared(sql, arguments)) ?? false
    }
}

extension ArchiveQuery {
    /// The same query of a list in which no time differs from what the id tells, by ids alone.
    var byIDs: ArchiveQuery {
        var query = self
        query.restrictBySince()
        if let until { query.restrict(before: ArchiveID.first(at: until)) }
        (query.since, query.until) = (nil, nil)
        return query
    }

    /// Leaves out what, by its id, is of an earlier time than all that is asked for.
    mutating func restrictBySince() {
        if let since { restrict(after: ArchiveID(rawValue: ArchiveID.first(at: since).rawValue - 1)) }
    }
}
