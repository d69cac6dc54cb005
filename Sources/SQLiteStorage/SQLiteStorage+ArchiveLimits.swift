import GRDB
import XMPP
import XMPPServer

extension SQLiteStorage {
    public func archivesOver(
        _ limits: ArchiveLimits, after owner: JID?, atMost count: Int
    ) async throws(StorageError) -> ArchiveSurplus {
        try await read { db in
            let sql = """
                SELECT id, owner FROM archive_list WHERE collection = ? AND owner > ?
                AND substr(owner, instr(owner, '@') + 1) = ? ORDER BY owner LIMIT ?
                """
            let lists = try Row.fetchAll(
                db.prepared(sql, [limits.collection, owner?.bareText ?? "", limits.host, count]))
            var surplus: [ArchiveQuery] = []
            for row in lists {
                surplus += try self.surplus(
                    limits, ArchiveQuery(collection: limits.collection, owner: try row.jid("owner")), row["id"], db)
            }
            let isEnd = lists.count < count
            return ArchiveSurplus(surplus: surplus, last: try isEnd ? nil : lists.last?.jid("owner"))
        }
    }

    /// The entries of a list that exceed the limits.
    private func surplus(
        _ limits: ArchiveLimits, _ all: ArchiveQuery, _ list: Int64, _ db: Database
    ) throws -> [ArchiveQuery] {
        var surplus: [ArchiveQuery] = []
        if let maximum = limits.maximum {
            // The newest one beyond the number.
            let sql = "SELECT id FROM archive WHERE list = ? ORDER BY id DESC LIMIT 1 OFFSET ?"
            if let id = try Int64.fetchOne(db.prepared(sql, [list, maximum])) {
                var query = all
                query.before = ArchiveID(rawValue: id + 1)
                surplus.append(query)
            }
        }
        if let since = limits.since, try ArchiveTimes.exist(before: since, in: list, db) {
            var query = all
            query.until = since
            surplus.append(query)
        }
        return surplus
    }
}
