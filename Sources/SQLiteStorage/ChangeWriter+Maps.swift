import Foundation
import GRDB
import XMPP
import XMPPServer

extension Database {
    /// The number of a map, or nil if it has no items.
    func number(_ map: MapName) throws -> Int64? {
        let sql = "SELECT id FROM map WHERE owner = ? AND store = ? AND name = ?"
        return try Int64.fetchOne(prepared(sql, [map.owner.bareText, map.store, map.name]))
    }
}

extension ChangeWriter {
    func putItem(
        _ map: MapName, _ key: String, _ value: [UInt8], _ expiry: Timestamp?, keepsPlace: Bool
    ) throws {
        let number: Int64
        if let known = try db.number(map) {
            number = known
        } else {
            try db.run(
                "INSERT INTO map (owner, store, name) VALUES (?, ?, ?)", [map.owner.bareText, map.store, map.name])
            number = db.lastInsertedRowID
        }
        // A replaced item gets a new place, unless it keeps its own.
        let conflict =
            keepsPlace ? "ON CONFLICT DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at" : ""
        try db.run(
            "INSERT \(keepsPlace ? "" : "OR REPLACE ")INTO map_item (map, key, expires_at, value) VALUES (?, ?, ?, ?) \(conflict)",
            [number, key, expiry?.milliseconds, Data(value)])
    }

    func removeItem(_ map: MapName, _ key: String) throws {
        guard let number = try db.number(map) else { return }
        try db.run("DELETE FROM map_item WHERE map = ? AND key = ?", [number, key])
        try forgetIfEmpty(number)
    }

    func trim(_ map: MapName, _ bounds: MapBounds) throws {
        guard let number = try db.number(map) else { return }
        var last: Int64?
        if let items = bounds.items {
            let sql = "SELECT place FROM map_item WHERE map = ? ORDER BY place DESC LIMIT 1 OFFSET ?"
            last = try Int64.fetchOne(db.prepared(sql, [number, max(items, 0)]))
        }
        if let bytes = bounds.bytes {
            let sql = "SELECT place, length(value) FROM map_item WHERE map = ? ORDER BY place DESC"
            let rows = try Row.fetchCursor(db.prepared(sql, [number]))
            var size = 0
            while let row = try rows.next() {
                size += row[1] as Int
                guard size > bytes else { continue }
                last = max(row[0], last ?? row[0])
                break
            }
        }
        guard let last else { return }
        try db.run("DELETE FROM map_item WHERE map = ? AND place <= ?", [number, last])
        try forgetIfEmpty(number)
    }

    /// Detaches the map from its owner; `RemovedData` frees its space.
    mutating func removeMap(_ map: MapName) throws {
        guard let number = try db.number(map) else { return }
        try takeMaps("id = ?", [number])
    }

    /// Detaches all maps from their owner.
    mutating func removeMaps(owner: String) throws { try takeMaps("owner = ?", [owner]) }

    private mutating func takeMaps(_ condition: StaticString, _ arguments: StatementArguments) throws {
        try db.run("UPDATE map SET owner = '\(RemovedData.prefix)' || id WHERE \(condition)", arguments)
        if db.changesCount > 0 { hasRemovedData = true }
    }

    func removeExpiredItems(_ store: String, _ time: Timestamp, atMost count: Int) throws {
        let sql = """
            SELECT place, map FROM map_item JOIN map ON map.id = map_item.map
            WHERE expires_at <= ? AND store = ? ORDER BY expires_at LIMIT ?
            """
        let rows = try Row.fetchAll(db.prepared(sql, [time.milliseconds, store, count]))
        for row in rows { try db.run("DELETE FROM map_item WHERE place = ?", [row[0] as Int64]) }
        for map in Set(rows.map { $0[1] as Int64 }) { try forgetIfEmpty(map) }
    }

    private func forgetIfEmpty(_ map: Int64) throws {
        try db.run("DELETE FROM map WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM map_item WHERE map = ?1)", [map])
    }
}
