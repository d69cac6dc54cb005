import Foundation
import GRDB
import XMPP
import XMPPServer

extension SQLiteStorage {
    public func roster(of jid: JID) async throws(StorageError) -> StoredRoster {
        try await read(for: jid) { db in try db.roster(of: jid) }
    }

    public func value(_ store: String, _ owner: JID, key: String) async throws(StorageError) -> [UInt8]? {
        try await read(for: owner) { db in
            let sql = "SELECT value FROM keyed_value WHERE owner = ? AND store = ? AND key = ?"
            return try Row.fetchOne(db.prepared(sql, [owner.bareText, store, key]))?.bytes("value")
        }
    }

    public func values(_ store: String, _ owner: JID) async throws(StorageError) -> [String: [UInt8]] {
        try await read(for: owner) { db in try db.values(store, owner) }
    }

    public func stores(of owner: JID) async throws(StorageError) -> [String] {
        try await read(for: owner) { db in
            let sql = "SELECT DISTINCT store FROM keyed_value WHERE owner = ? ORDER BY store"
            return try String.fetchAll(db.prepared(sql, [owner.bareText]))
        }
    }
}

extension Database {
    func roster(of jid: JID) throws -> StoredRoster {
        let owner = jid.bareText
        let items = try Row.fetchAll(prepared("SELECT * FROM roster_item WHERE owner = ? ORDER BY jid", [owner]))
        return StoredRoster(
            items: try items.map(RosterItem.init(row:)),
            version: try String.fetchOne(prepared("SELECT version FROM roster_version WHERE owner = ?", [owner]))
        )
    }

    func values(_ store: String, _ owner: JID) throws -> [String: [UInt8]] {
        let sql = "SELECT key, value FROM keyed_value WHERE owner = ? AND store = ?"
        var values: [String: [UInt8]] = [:]
        let rows = try Row.fetchCursor(prepared(sql, [owner.bareText, store]))
        while let row = try rows.next() { values[row["key"]] = try row.bytes("value") }
        return values
    }
}

extension RosterItem {
    fileprivate init(row: Row) throws {
        let number: Int = row["state"]
        guard let state = UInt8(exactly: number).flatMap(SubscriptionState.init(rawValue:)) else {
            throw StorageError(.failed, "a roster item has the unknown state \(number)")
        }
        let invitation: Data? = row["invitation"]
        self.init(
            jid: try row.jid("jid"),
            name: row["name"],
            groups: TextList.decode(row["groups"]),
            state: state,
            isListed: row["is_listed"],
            isApproved: row["is_approved"],
            invitation: invitation.map { Array($0) }
        )
    }
}
