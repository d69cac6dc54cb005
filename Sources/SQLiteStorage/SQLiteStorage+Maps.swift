import GRDB
import XMPP
import XMPPServer

extension SQLiteStorage {
    public func mapItems(_ map: MapName, keys: [String]) async throws(StorageError) -> [MapItem<[UInt8]>] {
        try await read(for: map.owner) { db in
            guard let number = try db.number(map) else { return [] }
            let sql = "SELECT place, key, expires_at, value FROM map_item WHERE map = ? AND key = ?"
            // By place: keys with different bytes may be equal as texts.
            var found: [Int64: MapItem<[UInt8]>] = [:]
            for key in keys {
                guard let row = try Row.fetchOne(db.prepared(sql, [number, key])) else { continue }
                found[row["place"]] = try MapItem(row: row)
            }
            return found.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    public func mapPage(_ query: MapQuery) async throws(StorageError) -> MapPage<[UInt8]>? {
        try await read(for: query.map.owner) { db in
            guard let walk = try MapWalk(query, db) else { return nil }
            return try walk.page()
        }
    }

    public func maps(
        of owner: JID, store: String, after name: String?, atMost count: Int
    ) async throws(StorageError) -> [String] {
        try await read(for: owner) { db in
            let sql = """
                SELECT name FROM map WHERE owner = ?1 AND store = ?2 AND (?3 IS NULL OR name > ?3) ORDER BY name LIMIT ?4
                """
            return try String.fetchAll(db.prepared(sql, [owner.bareText, store, name, max(count, 0)]))
        }
    }
}

/// Finds a page: the items of one order, as a range of an index.
private struct MapWalk {
    private let query: MapQuery
    private let db: Database
    /// The column of the order.
    private let column: String
    /// The condition for rows of all pages.
    private let all: String
    private let allArguments: StatementArguments
    /// The value of the named item in that column.
    private var named: DatabaseValue?

    /// - Returns: nil if the named item does not exist.
    init?(_ query: MapQuery, _ db: Database) throws {
        self.query = query
        self.db = db
        // No map has the number 0.
        let map = try db.number(query.map) ?? 0
        switch query.order {
        case .byPlace:
            column = "place"
            (all, allArguments) = ("map = ?", [map])
        case .byKey(let prefix):
            column = "key"
            if prefix.isEmpty {
                (all, allArguments) = ("map = ?", [map])
            } else if let end = Self.successor(of: prefix) {
                (all, allArguments) = ("map = ? AND key >= ? AND key < ?", [map, prefix, end])
            } else {
                (all, allArguments) = ("map = ? AND key >= ?", [map, prefix])
            }
        }
        switch query.position {
        case .first, .last, .index: break
        case .after(let key), .before(let key):
            let sql = "SELECT \(column) FROM map_item WHERE \(all) AND key = ?"
            guard let value = try DatabaseValue.fetchOne(db.prepared(sql, allArguments + [key])) else { return nil }
            named = value
        }
    }

    func page() throws -> MapPage<[UInt8]> {
        var condition = all
        var arguments = allArguments
        var offset = 0
        var isBackward = false
        switch query.position {
        case .first: break
        case .last: isBackward = true
        case .index(let index): offset = max(index, 0)
        case .after:
            condition += " AND \(column) > ?"
            arguments += [named]
        case .before:
            condition += " AND \(column) < ?"
            arguments += [named]
            isBackward = true
        }
        let sql = """
            SELECT key, expires_at, value FROM map_item WHERE \(condition)
            ORDER BY \(column) \(isBackward ? "DESC" : "ASC") LIMIT ? OFFSET ?
            """
        let rows = try Row.fetchCursor(db.prepared(sql, arguments + [max(query.limit, 0), offset]))
        var items: [MapItem<[UInt8]>] = []
        var byteCount = 0
        while byteCount < query.byteLimit ?? .max, let row = try rows.next() {
            let item = try MapItem(row: row)
            items.append(item)
            byteCount += item.value.count
        }
        if isBackward { items.reverse() }
        guard query.isCounted else { return MapPage(items: items, count: nil, index: nil) }
        return MapPage(items: items, count: try count("", []), index: try items.first.map(index))
    }

    private func index(of item: MapItem<[UInt8]>) throws -> Int {
        switch query.order {
        case .byKey: try count(" AND key < ?", [item.key])
        case .byPlace:
            try count(
                " AND place < (SELECT place FROM map_item WHERE map = ? AND key = ?)",
                [try db.number(query.map), item.key])
        }
    }

    private func count(_ condition: String, _ arguments: StatementArguments) throws -> Int {
        let sql = "SELECT COUNT(*) FROM map_item WHERE \(all)\(condition)"
        return try Int.fetchOne(db.prepared(sql, allArguments + arguments)) ?? 0
    }

    /// The first text after all texts with the prefix; nil: there is none.
    private static func successor(of prefix: String) -> String? {
        var scalars = Array(prefix.unicodeScalars)
        while let last = scalars.popLast() {
            // After U+D7FF come the surrogates, which are no scalars.
            let next = last.value == 0xD7FF ? 0xE000 : last.value + 1
            guard let scalar = Unicode.Scalar(next) else { continue }
            return String(String.UnicodeScalarView(scalars + [scalar]))
        }
        return nil
    }
}

extension MapItem where Value == [UInt8] {
    fileprivate init(row: Row) throws {
        let expiry: Int64? = row["expires_at"]
        self.init(
            key: row["key"], value: try row.bytes("value"), expiresAt: expiry.map { Timestamp(milliseconds: $0) })
    }
}
