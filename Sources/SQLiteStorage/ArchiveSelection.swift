import Foundation
import GRDB
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

    /// Whether all that is selected is meant.
    var isExact: Bool { needle == nil }

    /// Text that the stanza must hold.
    private var needle: String? { Self.needle(query) }

    private static func needle(_ query: ArchiveQuery) -> String? {
        if let messageID = query.messageID { return messageID }
        guard let peer = query.peer, peer.isFull else { return nil }
        return peer.string
    }

    init(_ query: ArchiveQuery) {
        self.query = query
        var conditions = "archive.list = (SELECT id FROM archive_list WHERE owner = ? AND collection = ?)"
        var arguments: StatementArguments = [query.owner.bareText, query.collection]
        if let peer = query.peer {
            conditions += " AND archive.peer = (SELECT id FROM archive_peer WHERE jid = ?)"
            arguments += [peer.bareText]
        }
        if let after = query.after {
            conditions += " AND archive.id > ?"
            arguments += [after.rawValue]
        }
        if let before = query.before {
            conditions += " AND archive.id < ?"
            arguments += [before.rawValue]
        }
        if let ids = query.ids {
            conditions += " AND archive.id IN (\(ids.map { String($0.rawValue) }.joined(separator: ",")))"
        }
        if let isIncoming = query.isIncoming {
            conditions += " AND archive.is_incoming = ?"
            arguments += [isIncoming]
        }
        let order = "ORDER BY archive.id \(query.newestFirst ? "DESC" : "ASC") LIMIT ?"
        if let needle = Self.needle(query) {
            // Bytes as they are written: what needs a reference in XML is looked for by what stands before it.
            let plain = needle.prefix { !"&<>\"'".contains($0) }
            sql = """
                (SELECT * FROM archive WHERE \(conditions) \(order)) AS archive
                WHERE instr(archive.stanza, ?) > 0 \(order)
                """
            arguments += [Self.searchDepth, Data(plain.utf8), Self.searchDepth]
        } else {
            sql = "archive WHERE \(conditions) \(order)"
            arguments += [query.limit]
        }
        self.arguments = arguments
    }

    /// Whether an entry that was selected is meant.
    func matches(_ stanza: [UInt8], isIncoming: Bool) -> Bool {
        guard !isExact else { return true }
        guard let element = try? Element(parsing: ByteBuffer(bytes: stanza)) else { return false }
        if let peer = query.peer, peer.isFull, element[isIncoming ? "from" : "to"].flatMap({ JID($0) }) != peer {
            return false
        }
        guard let messageID = query.messageID else { return true }
        return element["id"] == messageID || element.child("origin-id", .stanzaIDs)?["id"] == messageID
    }
}
