import GRDB
import XMPP
import XMPPServer

/// The numbers that stand for owner, collection and peer in the archive's rows, with a cache of used ones.
///
/// The cache must be cleared when rows with numbers may be gone: after a rollback or a removal.
struct ArchiveKeys {
    private struct List: Hashable {
        let owner: JID
        let collection: String
    }

    private static let capacity = 50_000

    private var lists: [List: Int64] = [:]
    private var peers: [JID: Int64] = [:]

    /// The number of the owner's collection, assigned if it has none.
    mutating func list(_ entry: ArchiveEntry, _ db: Database) throws -> Int64 {
        let list = List(owner: entry.owner, collection: entry.collection)
        if let number = lists[list] { return number }
        let arguments: StatementArguments = [entry.owner.bareText, entry.collection]
        let number = try db.number(
            select: "SELECT id FROM archive_list WHERE owner = ? AND collection = ?",
            insert: "INSERT INTO archive_list (owner, collection) VALUES (?, ?)",
            arguments
        )
        if lists.count >= Self.capacity { lists.removeAll() }
        lists[list] = number
        return number
    }

    /// The number of the entry's peer, assigned if it has none.
    mutating func peer(_ entry: ArchiveEntry, _ db: Database) throws -> Int64 {
        if let number = peers[entry.peer] { return number }
        let number = try db.number(
            select: "SELECT id FROM archive_peer WHERE jid = ?",
            insert: "INSERT INTO archive_peer (jid) VALUES (?)",
            [entry.peer.bareText]
        )
        if peers.count >= Self.capacity { peers.removeAll() }
        peers[entry.peer] = number
        return number
    }

    /// Returns the cached numbers and clears the cache.
    mutating func take() -> ArchiveKeys {
        defer { self = ArchiveKeys() }
        return self
    }

    mutating func forget() {
        lists.removeAll()
        peers.removeAll()
    }
}

extension Database {
    fileprivate func number(select: String, insert: String, _ arguments: StatementArguments) throws -> Int64 {
        if let number = try Int64.fetchOne(prepared(select, arguments)) { return number }
        try run(insert, arguments)
        return lastInsertedRowID
    }
}
