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
                guard let first = try first(toStay: limits, row["id"], db) else { continue }
                surplus.append(
                    ArchiveQuery(collection: limits.collection, owner: try row.jid("owner"), before: first))
            }
            let isEnd = lists.count < count
            return ArchiveSurplus(surplus: surplus, last: try isEnd ? nil : lists.last?.jid("owner"))
        }
    }
}

/// The first entry of a list that may stay; nil: all may.
private func first(toStay limits: ArchiveLimits, _ list: Int64, _ db: Database) throws -> ArchiveID? {
    var first: Int64?
    if let since = limits.since {
        let sql = "SELECT EXISTS (SELECT 1 FROM archive WHERE list = ? AND id < ?)"
        if try Bool.fetchOne(db.prepared(sql, [list, since.rawValue])) == true { first = since.rawValue }
    }
    if let maximum = limits.maximum {
        // The newest one that is too much.
        let sql = "SELECT id FROM archive WHERE list = ? ORDER BY id DESC LIMIT 1 OFFSET ?"
        if let id = try Int64.fetchOne(db.prepared(sql, [list, maximum])) { first = max(first ?? id + 1, id + 1) }
    }
    return first.map { ArchiveID(rawValue: $0) }
}
