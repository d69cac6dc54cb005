import GRDB
import XMPP
import XMPPServer

extension SQLiteStorage {
    public func archiveCollections(_ query: ArchiveQuery) async throws(StorageError) -> [ArchiveCollection] {
        guard query.limit > 0 else { return [] }
        return try await read(for: query.owner) { db in
            let sql = "SELECT id FROM archive_list WHERE owner = ? AND collection = ?"
            guard let list = try Int64.fetchOne(db.prepared(sql, [query.owner.bareText, query.collection])) else {
                return []
            }
            var collections: [ArchiveCollection] = []
            if try ArchiveTimes.differ(in: list, db) {
                collections = try self.collections(query, list, db)
            } else {
                var walk = try CollectionWalk(query.byIDs, list, db)
                while collections.count < query.limit, let next = try walk.next() { collections.append(next) }
            }
            return query.newestFirst ? collections.reversed() : collections
        }
    }

    /// The days of a list with differing times, by a scan of its entries.
    private func collections(_ query: ArchiveQuery, _ list: Int64, _ db: Database) throws -> [ArchiveCollection] {
        // SQLite takes the columns beside the least time from its row.
        let sql = """
            SELECT jid, first.id AS id, time FROM (
                SELECT peer, id, min(time) AS time FROM archive WHERE list = ?1 GROUP BY peer, time / \(CollectionWalk.day)
            ) AS first JOIN archive_peer ON archive_peer.id = peer
            WHERE (?2 IS NULL OR jid = ?2) AND first.id > ?3 AND first.id < ?4 AND time >= ?5 AND time < ?6
            ORDER BY first.id \(query.newestFirst ? "DESC" : "ASC") LIMIT ?7
            """
        let arguments: StatementArguments = [
            list, query.peer?.bareText, query.after?.rawValue ?? -1, query.before?.rawValue ?? .max,
            query.since?.milliseconds ?? .min, query.until?.milliseconds ?? .max, query.limit,
        ]
        return try Row.fetchAll(db.prepared(sql, arguments)).map { row in
            ArchiveCollection(
                peer: try row.jid("jid"),
                first: ArchivePeer.Mark(id: ArchiveID(rawValue: row["id"]), time: row.timestamp("time")))
        }
    }
}

/// Walks through the days with messages, by peer, in a list without differing times, in steps of the index: one or two
/// for each day, however many messages there are.
private struct CollectionWalk {
    /// The next day of one peer.
    private struct Candidate {
        let peer: Int64
        let first: ArchiveID
    }

    static let day: Int64 = 86_400_000

    private let query: ArchiveQuery
    private let db: Database
    private let list: Int64
    /// The next day of each peer, in order; the last one is next.
    private var candidates: [Candidate] = []

    init(_ query: ArchiveQuery, _ list: Int64, _ db: Database) throws {
        self.query = query
        self.db = db
        self.list = list
        for peer in try peers() {
            if let next = try day(of: peer, from: query.newestFirst ? query.before : query.after) {
                candidates.append(next)
            }
        }
        candidates.sort(by: Self.isBehind(query))
    }

    mutating func next() throws -> ArchiveCollection? {
        guard let next = candidates.popLast() else { return nil }
        let bound = query.newestFirst ? next.first : ArchiveID(rawValue: Self.endOfDay(next.first).rawValue - 1)
        if let other = try day(of: next.peer, from: bound) { insert(other) }
        let sql = "SELECT jid, time FROM archive JOIN archive_peer ON archive_peer.id = peer WHERE archive.id = ?"
        guard let row = try Row.fetchOne(db.prepared(sql, [next.first.rawValue])) else { return nil }
        let mark = ArchivePeer.Mark(id: next.first, time: row.timestamp("time"))
        return ArchiveCollection(peer: try row.jid("jid"), first: mark)
    }

    private static func isBehind(_ query: ArchiveQuery) -> (Candidate, Candidate) -> Bool {
        query.newestFirst ? { $0.first < $1.first } : { $0.first > $1.first }
    }

    private mutating func insert(_ candidate: Candidate) {
        let isBehind = Self.isBehind(query)
        var (low, high) = (0, candidates.count)
        while low < high {
            let middle = (low + high) / 2
            if isBehind(candidates[middle], candidate) { low = middle + 1 } else { high = middle }
        }
        candidates.insert(candidate, at: low)
    }

    private func peers() throws -> [Int64] {
        if let peer = query.peer {
            let sql = "SELECT id FROM archive_peer WHERE jid = ?"
            return try Int64.fetchAll(db.prepared(sql, [peer.bareText]))
        }
        var peers: [Int64] = []
        let sql = "SELECT peer FROM archive WHERE list = ? AND peer > ? ORDER BY peer LIMIT 1"
        while let peer = try Int64.fetchOne(db.prepared(sql, [list, peers.last ?? 0])) { peers.append(peer) }
        return peers
    }

    /// The peer's next day after (or before) a bound whose first entry is within the query.
    private func day(of peer: Int64, from bound: ArchiveID?) throws -> Candidate? {
        var bound = bound
        while let entry = try entry(peer, bound) {
            let first = try firstOfDay(peer, entry)
            if isMeant(first) { return Candidate(peer: peer, first: first) }
            // The day began before the query's range.
            if query.newestFirst { return nil }
            bound = ArchiveID(rawValue: Self.endOfDay(entry).rawValue - 1)
        }
        return nil
    }

    private func entry(_ peer: Int64, _ bound: ArchiveID?) throws -> ArchiveID? {
        let sql =
            query.newestFirst
            ? "SELECT id FROM archive WHERE list = ? AND peer = ? AND id < ? ORDER BY id DESC LIMIT 1"
            : "SELECT id FROM archive WHERE list = ? AND peer = ? AND id > ? ORDER BY id LIMIT 1"
        let none = query.newestFirst ? Int64.max : -1
        let id = try Int64.fetchOne(db.prepared(sql, [list, peer, bound?.rawValue ?? none]))
        return id.map { ArchiveID(rawValue: $0) }
    }

    private func firstOfDay(_ peer: Int64, _ entry: ArchiveID) throws -> ArchiveID {
        let start = ArchiveID.first(at: Timestamp(milliseconds: entry.time.milliseconds / Self.day * Self.day))
        let sql = "SELECT id FROM archive WHERE list = ? AND peer = ? AND id >= ? ORDER BY id LIMIT 1"
        let id = try Int64.fetchOne(db.prepared(sql, [list, peer, start.rawValue]))
        return id.map { ArchiveID(rawValue: $0) } ?? entry
    }

    private func isMeant(_ first: ArchiveID) -> Bool {
        if let after = query.after, first <= after { return false }
        if let before = query.before, first >= before { return false }
        return true
    }

    private static func endOfDay(_ entry: ArchiveID) -> ArchiveID {
        ArchiveID.first(at: Timestamp(milliseconds: (entry.time.milliseconds / day + 1) * day))
    }
}
