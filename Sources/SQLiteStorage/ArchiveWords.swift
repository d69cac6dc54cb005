import Foundation
import GRDB
import Logging
import NIOCore
import XML
import XMPP
import XMPPServer

/// The full-text index of archives (SQLite's FTS5).
///
/// Appending an entry does not touch it: entries are indexed later, in groups. The table `archive_indexed` has the id
/// reached for each host. While it is empty nothing was ever indexed, and removing an entry costs nothing more either.
enum ArchiveWords {
    /// The FTS5 expression: each word separately, in the texts of one list. nil: there are no words.
    static func match(_ words: String, list: Int64) -> String? {
        let words = words.split(whereSeparator: \.isWhitespace)
        guard !words.isEmpty else { return nil }
        let quoted = words.map { "\"\($0.replacing("\"", with: "\"\""))\"" }.joined(separator: " ")
        return "list : \"\(name(of: list))\" AND body : (\(quoted))"
    }

    /// Removes the words of entries.
    ///
    /// - Parameter entries: an SQL query for their ids.
    static func forget(_ entries: String, _ arguments: StatementArguments, _ db: Database) throws {
        // Whether anything was ever indexed.
        let exists = "SELECT EXISTS (SELECT 1 FROM archive_indexed)"
        guard try Bool.fetchOne(db.prepared(exists)) == true else { return }
        try db.run("DELETE FROM archive_text WHERE rowid IN (\(entries))", arguments)
    }

    fileprivate static func name(of list: Int64) -> String { "l\(list)" }

    /// The text of a stanza; nil: none.
    fileprivate static func text(of stanza: [UInt8]) throws(XMLError) -> String? {
        let message = try Element(ownOutput: stanza)
        let bodies = message.children.filter { $0.isNamed("body", .client) }.map(\.text).filter { !$0.isEmpty }
        return bodies.isEmpty ? nil : bodies.joined(separator: "\n")
    }
}

extension ChangeWriter {
    func indexArchive(host: String, before end: ArchiveID, atMost count: Int) throws {
        let done = try Int64.fetchOne(db.prepared("SELECT id FROM archive_indexed WHERE host = ?", [host])) ?? 0
        let sql = """
            SELECT archive.id, list, stanza, collection = ? AND substr(owner, instr(owner, '@') + 1) = ?
            FROM archive JOIN archive_list ON archive_list.id = list
            WHERE archive.id > ? AND archive.id < ? ORDER BY archive.id LIMIT ?
            """
        let rows = try Row.fetchAll(
            db.prepared(sql, [ArchiveEntry.archive, host, done, end.rawValue, count]))
        for row in rows where row[3] {
            let stanza = try row.withUnsafeData(atIndex: 2) { data in data.map { Array($0) } ?? [] }
            let (id, list): (Int64, Int64) = (row[0], row[1])
            let found: String?
            do throws(XMLError) {
                found = try ArchiveWords.text(of: stanza)
            } catch {
                logger.error(
                    "a message in an archive cannot be read and is not found by its words", metadata: ["id": "\(id)"])
                continue
            }
            guard let text = found else { continue }
            try db.run(
                "INSERT INTO archive_text (rowid, list, body) VALUES (?, ?, ?)",
                [id, ArchiveWords.name(of: list), text])
        }
        // The last examined id, or the end.
        let reached: Int64 = rows.count == count ? rows.last?[0] ?? done : max(done, end.rawValue - 1)
        try db.run("INSERT OR REPLACE INTO archive_indexed VALUES (?, ?)", [host, reached])
    }
}

extension SQLiteStorage {
    public func indexArchive(
        host: String, before end: ArchiveID, atMost count: Int
    ) async throws(StorageError) -> Bool {
        if try await isArchiveIndexed(host: host, before: end) { return true }
        try await write { writer in try writer.indexArchive(host: host, before: end, atMost: count) }
        return false
    }

    private func isArchiveIndexed(host: String, before id: ArchiveID) async throws(StorageError) -> Bool {
        try await read { db in
            let sql = """
                SELECT NOT EXISTS (
                    SELECT 1 FROM archive
                    WHERE id > coalesce((SELECT id FROM archive_indexed WHERE host = ?), 0) AND id < ?
                )
                """
            return try Bool.fetchOne(db.prepared(sql, [host, id.rawValue])) ?? false
        }
    }
}
