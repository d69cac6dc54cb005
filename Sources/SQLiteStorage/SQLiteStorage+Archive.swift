import GRDB
import XMPP
import XMPPServer

extension SQLiteStorage {
    public func archived(_ query: ArchiveQuery) async throws(StorageError) -> [ArchiveEntry] {
        guard query.limit > 0 else { return [] }
        return try await read(for: query.owner) { [marks] db in
            let selection = try ArchiveSelection(query, marks, db)
            let sql = "SELECT archive.id, peer, is_incoming, time, stanza FROM \(selection.sql)"
            let rows = try Row.fetchCursor(db.prepared(sql, selection.arguments))
            var peers: [Int64: JID] = [:]
            var entries: [ArchiveEntry] = []
            var byteCount = 0
            while byteCount < query.byteLimit ?? .max, let row = try rows.next() {
                let number: Int64 = row[1]
                let peer = try peers[number] ?? peer(number, db)
                peers[number] = peer
                let entry = try ArchiveEntry(row: row, peer: peer, query)
                entries.append(entry)
                byteCount += entry.stanza.count
            }
            return query.newestFirst ? entries.reversed() : entries
        }
    }

    public func archivedCount(_ query: ArchiveQuery) async throws(StorageError) -> Int {
        guard query.limit > 0 else { return 0 }
        return try await read(for: query.owner) { [marks] db in
            let selection = try ArchiveSelection(query, marks, db)
            let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM \(selection.sql))"
            return try Int.fetchOne(db.prepared(sql, selection.arguments)) ?? 0
        }
    }

    public func archivePeers(
        collection: String,
        owner: JID,
        newest limit: Int
    ) async throws(StorageError) -> [ArchivePeer] {
        guard limit > 0 else { return [] }
        return try await read(for: owner) { db in
            let sql = "SELECT id FROM archive_list WHERE owner = ? AND collection = ?"
            guard let list = try Int64.fetchOne(db.prepared(sql, [owner.bareText, collection])) else { return [] }
            var peers: [ArchivePeer] = []
            var number: Int64 = 0
            while let next = try nextPeer(db, [list, number]) {
                if let peer = try span(db, [list, next, limit]) { peers.append(peer) }
                number = next
            }
            return peers.sorted { $0.last.id > $1.last.id }
        }
    }

    public func newestArchiveID() async throws(StorageError) -> ArchiveID? {
        try await read { db in
            let newest = try Int64.fetchOne(db.prepared("SELECT id FROM archive_newest WHERE id > 0"))
            return newest.map { ArchiveID(rawValue: $0) }
        }
    }

    public func archiveSecret() async throws(StorageError) -> [UInt8] {
        try await read { db in try db.archiveSecret() }
    }
}

extension Database {
    func archiveSecret() throws -> [UInt8] {
        try Row.fetchOne(prepared("SELECT secret FROM archive_newest"))?.bytes("secret") ?? []
    }
}

private func peer(_ number: Int64, _ db: Database) throws -> JID {
    guard let row = try Row.fetchOne(db.prepared("SELECT jid FROM archive_peer WHERE id = ?", [number])) else {
        throw StorageError(.failed, "the archive refers to a missing peer")
    }
    return try row.jid("jid")
}

/// The next peer in the index: one step for each peer, however many entries there are.
private func nextPeer(_ db: Database, _ arguments: StatementArguments) throws -> Int64? {
    let sql = "SELECT peer FROM archive WHERE list = ? AND peer > ? ORDER BY peer LIMIT 1"
    return try Int64.fetchOne(db.prepared(sql, arguments))
}

/// The newest entries with one peer.
private func span(_ db: Database, _ arguments: StatementArguments) throws -> ArchivePeer? {
    let sql = """
        SELECT id, time, (SELECT jid FROM archive_peer WHERE id = archive.peer) AS jid FROM archive
        WHERE list = ? AND peer = ? ORDER BY id DESC LIMIT ?
        """
    let rows = try Row.fetchAll(db.prepared(sql, arguments))
    guard let newest = rows.first, let oldest = rows.last else { return nil }
    return ArchivePeer(
        peer: try newest.jid("jid"),
        count: rows.count,
        first: ArchivePeer.Mark(row: oldest),
        last: ArchivePeer.Mark(row: newest)
    )
}

extension ArchiveEntry {
    /// Columns are read by position: by name each would be searched in each row.
    fileprivate init(row: Row, peer: JID, _ query: ArchiveQuery) throws {
        self.init(
            id: ArchiveID(rawValue: row[0]),
            collection: query.collection,
            owner: query.owner,
            peer: peer,
            isIncoming: row[2],
            time: Timestamp(milliseconds: row[3]),
            stanza: try row.withUnsafeData(atIndex: 4) { data in data.map { Array($0) } ?? [] }
        )
    }
}

extension ArchivePeer.Mark {
    fileprivate init(row: Row) {
        self.init(id: ArchiveID(rawValue: row["id"]), time: row.timestamp("time"))
    }
}
