import Foundation
import GRDB
import XMPP
import XMPPServer

/// A query of an archive in SQL: the part after `FROM`, with order and limit.
///
/// The text is one of a few, so that each connection can reuse prepared statements.
struct ArchiveSelection {
    /// The maximum number of index entries examined in a search for a mark.
    private static let searchDepth = 100_000

    let sql: String
    let arguments: StatementArguments

    init(_ query: ArchiveQuery, _ numbers: MarkNumbers, _ db: Database) throws {
        let number = "SELECT id FROM archive_list WHERE owner = ? AND collection = ?"
        // No list has the number 0.
        let list = try Int64.fetchOne(db.prepared(number, [query.owner.bareText, query.collection])) ?? 0
        var query = query
        if query.since != nil || query.until != nil {
            if try ArchiveTimes.differ(in: list, db) { query.restrictBySince() } else { query = query.byIDs }
        }
        var entries = Conditions("archive.list = ?", [list])
        if let peer = query.peer {
            entries.add("archive.peer = (SELECT id FROM archive_peer WHERE jid = ?)", [peer.bareText])
        }
        if let ids = query.ids {
            let list = ids.map { String($0.rawValue) }.joined(separator: ",")
            entries.add("archive.id IN (SELECT value FROM json_each(?))", ["[\(list)]"])
        }
        if let isIncoming = query.isIncoming { entries.add("archive.is_incoming = ?", [isIncoming]) }

        if let since = query.since { entries.add("archive.time >= ?", [since.milliseconds]) }
        if let until = query.until { entries.add("archive.time < ?", [until.milliseconds]) }

        let match = query.words.flatMap { ArchiveWords.match($0, list: list) }
        // The index of words is also ordered by id.
        let key = match == nil ? "archive.id" : "archive_text.rowid"
        if let after = query.after { entries.add("\(key) > ?", [after.rawValue]) }
        if let before = query.before { entries.add("\(key) < ?", [before.rawValue]) }
        let direction = query.newestFirst ? "DESC" : "ASC"
        let marks = Self.marks(query, numbers)

        if let match {
            entries.add(marks)
            sql = """
                archive_text CROSS JOIN archive ON archive.id = archive_text.rowid
                WHERE archive_text MATCH ? AND \(entries.sql) ORDER BY \(key) \(direction) LIMIT ?
                """
            arguments = [match] + entries.arguments + [query.limit]
        } else if marks.isEmpty {
            sql = "archive WHERE \(entries.sql) ORDER BY \(key) \(direction) LIMIT ?"
            arguments = entries.arguments + [query.limit]
        } else {
            sql = """
                (
                    SELECT id FROM (
                        SELECT id, resource, message, origin FROM archive
                        WHERE \(entries.sql) ORDER BY \(key) \(direction) LIMIT ?
                    ) AS archive
                    WHERE \(marks.sql) ORDER BY id \(direction) LIMIT ?
                ) AS found CROSS JOIN archive ON archive.id = found.id ORDER BY found.id \(direction)
                """
            arguments = entries.arguments + [Self.searchDepth] + marks.arguments + [query.limit]
        }
    }

    private static func marks(_ query: ArchiveQuery, _ numbers: MarkNumbers) -> Conditions {
        var marks = Conditions()
        for resource in [query.resource, query.peer?.resource].compactMap(\.self) {
            marks.add("archive.resource = ?", [numbers.number(resource)])
        }
        if let messageID = query.messageID {
            let number = numbers.number(messageID)
            marks.add("(archive.message = ? OR archive.origin = ?)", [number, number])
        }
        return marks
    }

    /// Conditions that must all hold.
    private struct Conditions {
        var sql = ""
        var arguments: StatementArguments = []

        init() {}

        init(_ sql: String, _ arguments: StatementArguments) {
            self.sql = sql
            self.arguments = arguments
        }

        var isEmpty: Bool { sql.isEmpty }

        mutating func add(_ condition: String, _ values: StatementArguments) {
            sql += isEmpty ? condition : " AND \(condition)"
            arguments += values
        }

        mutating func add(_ others: Conditions) {
            if !others.isEmpty { add(others.sql, others.arguments) }
        }
    }
}
