import Foundation
import GRDB
import NIOCore
import XML
import XMPP
import XMPPServer

/// A query of an archive in SQL: what follows `FROM`, in the order and with the limit that the query asks for.
///
/// An id that a client gave, and a full JID, stand in the stanzas alone. They are looked for in the bytes of the peer's
/// newest entries (`searchDepth`), and what is found there is looked at again (`matches`).
struct ArchiveSelection {
    /// How many entries are looked through for something that no index has.
    private static let searchDepth = 100_000

    let sql: String
    let arguments: StatementArguments
    private let query: ArchiveQuery

    /// Whether what is selected has to be looked at before it is known to be meant.
    static func needsLook(_ query: ArchiveQuery) -> Bool { needle(query) != nil }

    /// Text that the stanza must hold.
    private static func needle(_ query: ArchiveQuery) -> String? {
        if let messageID = query.messageID { return messageID }
        guard let peer = query.peer, peer.isFull else { return nil }
        return peer.string
    }

    init(_ query: ArchiveQuery, _ db: Database) throws {
        self.query = query
        let number = "SELECT id FROM archive_list WHERE owner = ? AND collection = ?"
        // None has the number 0.
        let list = try Int64.fetchOne(db.prepared(number, [query.owner.bareText, query.collection])) ?? 0
        var conditions = "archive.list = ?"
        var arguments: StatementArguments = [list]
        var table = "archive"
        var key = "archive.id"
        if let words = query.words, let match = ArchiveWords.match(words, list: list) {
            // The index goes through its rows in the order of their ids as well.
            table = "archive_text CROSS JOIN archive ON archive.id = archive_text.rowid"
            key = "archive_text.rowid"
            conditions = "archive_text MATCH ? AND archive.list = ?"
            arguments = [match, list]
        }
        if let peer = query.peer {
            conditions += " AND archive.peer = (SELECT id FROM archive_peer WHERE jid = ?)"
            arguments += [peer.bareText]
        }
        if let after = query.after {
            conditions += " AND \(key) > ?"
            arguments += [after.rawValue]
        }
        if let before = query.before {
            conditions += " AND \(key) < ?"
            arguments += [before.rawValue]
        }
        if let ids = query.ids {
            conditions += " AND archive.id IN (\(ids.map { String($0.rawValue) }.joined(separator: ",")))"
        }
        if let isIncoming = query.isIncoming {
            conditions += " AND archive.is_incoming = ?"
            arguments += [isIncoming]
        }
        let direction = query.newestFirst ? "DESC" : "ASC"
        let order = "ORDER BY \(key) \(direction) LIMIT ?"
        if let needle = Self.needle(query) {
            // Bytes as they are written: what needs a reference in XML is looked for by what stands before it.
            let plain = needle.prefix { !"&<>\"'".contains($0) }
            sql = """
                (SELECT archive.* FROM \(table) WHERE \(conditions) \(order)) AS archive
                WHERE instr(archive.stanza, ?) > 0 ORDER BY archive.id \(direction) LIMIT ?
                """
            arguments += [Self.searchDepth, Data(plain.utf8), Self.searchDepth]
        } else {
            sql = "\(table) WHERE \(conditions) \(order)"
            arguments += [query.limit]
        }
        self.arguments = arguments
    }

    /// Whether an entry that was selected is meant.
    func matches(_ stanza: [UInt8], isIncoming: Bool) -> Bool {
        guard Self.needsLook(query) else { return true }
        guard let element = try? Element(ownOutput: stanza) else { return false }
        if let peer = query.peer, peer.isFull, element[isIncoming ? "from" : "to"].flatMap({ JID($0) }) != peer {
            return false
        }
        guard let messageID = query.messageID else { return true }
        return element["id"] == messageID || element.child("origin-id", .stanzaIDs)?["id"] == messageID
    }
}
