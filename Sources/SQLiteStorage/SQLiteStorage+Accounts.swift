import Foundation
import GRDB
import XMPP
import XMPPServer
import XMPPStream

extension SQLiteStorage {
    public func account(_ jid: JID) async throws(StorageError) -> Account? {
        try await read(for: jid) { db in try db.account(jid) }
    }

    public func storedAccount(_ jid: JID, stores: [String]) async throws(StorageError) -> StoredAccount? {
        try await read(for: jid) { db in
            guard let account = try db.account(jid) else { return nil }
            var values: [String: [String: [UInt8]]] = [:]
            for store in stores {
                let found = try db.values(store, jid)
                if !found.isEmpty { values[store] = found }
            }
            return StoredAccount(
                account: account, roster: try db.roster(of: jid), credentials: try db.credentials(jid), values: values,
                sessions: try db.sessions(of: jid))
        }
    }

    public func account(host: String, accountID: String) async throws(StorageError) -> Account? {
        try await read { db in
            let sql = "SELECT * FROM account WHERE host = ? AND account_id = ?"
            return try Row.fetchOne(db.prepared(sql, [host, Account.normal(accountID)])).map(Account.init(row:))
        }
    }

    public func accounts(host: String?) async throws(StorageError) -> [Account] {
        try await read { db in
            let sql = "SELECT * FROM account WHERE host = ?1 OR ?1 IS NULL ORDER BY jid"
            return try Row.fetchAll(db.prepared(sql, [host])).map(Account.init(row:))
        }
    }

    public func credentials(_ jid: JID) async throws(StorageError) -> [SCRAMCredential] {
        try await read(for: jid) { db in try db.credentials(jid) }
    }

    public func token(digest: [UInt8]) async throws(StorageError) -> Token? {
        try await read { db in
            try Row.fetchOne(db.prepared("SELECT * FROM token WHERE digest = ?", [Data(digest)])).map(Token.init(row:))
        }
    }

    public func tokens(of jid: JID) async throws(StorageError) -> [Token] {
        try await read(for: jid) { db in
            let sql = "SELECT * FROM token WHERE account = ? ORDER BY created_at, digest"
            return try Row.fetchAll(db.prepared(sql, [jid.bareText])).map(Token.init(row:))
        }
    }

    public func hasTokens(host: String) async throws(StorageError) -> Bool {
        try await read { db in
            let sql = "SELECT 1 FROM token JOIN account ON account.jid = token.account WHERE account.host = ? LIMIT 1"
            return try Row.fetchOne(db.prepared(sql, [host])) != nil
        }
    }
}

extension Database {
    fileprivate func account(_ jid: JID) throws -> Account? {
        try Row.fetchOne(prepared("SELECT * FROM account WHERE jid = ?", [jid.bareText])).map(Account.init(row:))
    }

    fileprivate func credentials(_ jid: JID) throws -> [SCRAMCredential] {
        try Row.fetchAll(prepared("SELECT * FROM credential WHERE account = ? ORDER BY hash", [jid.bareText]))
            .map(SCRAMCredential.init(row:))
    }
}

extension SQLiteStorage {
    public func grant(_ id: String) async throws(StorageError) -> Grant? {
        try await read { db in
            try Row.fetchOne(db.prepared("SELECT * FROM app_grant WHERE id = ?", [id])).map(Grant.init(row:))
        }
    }

    public func grant(refreshFamily: [UInt8]) async throws(StorageError) -> Grant? {
        try await read { db in
            let sql = "SELECT * FROM app_grant WHERE refresh_family = ?"
            return try Row.fetchOne(db.prepared(sql, [Data(refreshFamily)])).map(Grant.init(row:))
        }
    }

    public func grants(of jid: JID) async throws(StorageError) -> [Grant] {
        try await read(for: jid) { db in
            let sql = "SELECT * FROM app_grant WHERE account = ? ORDER BY created_at, id"
            return try Row.fetchAll(db.prepared(sql, [jid.bareText])).map(Grant.init(row:))
        }
    }

    public func grants(host: String, app: String) async throws(StorageError) -> [Grant] {
        try await read { db in
            let sql = """
                SELECT app_grant.* FROM app_grant JOIN account ON account.jid = app_grant.account
                WHERE app = ? AND host = ? ORDER BY app_grant.created_at, id
                """
            return try Row.fetchAll(db.prepared(sql, [app, host])).map(Grant.init(row:))
        }
    }
}

extension Account {
    fileprivate init(row: Row) throws {
        self.init(
            jid: try row.jid("jid"),
            accountID: row["account_id"],
            displayName: row["display_name"],
            personalMessage: row["personal_message"],
            keepsHistory: row["keeps_history"],
            isAdministrator: row["is_administrator"],
            isEnabled: row["is_enabled"],
            createdAt: row.timestamp("created_at")
        )
    }
}

extension SCRAMCredential {
    fileprivate init(row: Row) throws {
        let others = SCRAMCredential.Keys(
            storedKey: try row.bytes("other_stored_key"), serverKey: try row.bytes("other_server_key"))
        let credential = SCRAMHash(rawValue: row["hash"]).flatMap { hash in
            try? SCRAMCredential(
                hash: hash,
                salt: row.bytes("salt"),
                iterations: row["iterations"],
                storedKey: row.bytes("stored_key"),
                serverKey: row.bytes("server_key"),
                otherKeys: others.storedKey.isEmpty && others.serverKey.isEmpty ? nil : others
            )
        }
        guard let credential else { throw StorageError(.failed, "a credential is damaged, or its hash is unknown") }
        self = credential
    }
}

extension Token {
    fileprivate init(row: Row) throws {
        let expiry: Int64? = row["expires_at"]
        let lastUse: Int64? = row["last_used_at"]
        self.init(
            digest: try row.bytes("digest"),
            account: try row.jid("account"),
            scopes: Set(TextList.decode(row["scopes"])),
            createdAt: row.timestamp("created_at"),
            expiresAt: expiry.map { Timestamp(milliseconds: $0) },
            label: row["label"],
            grant: row["app_grant"],
            lastUsedAt: lastUse.map { Timestamp(milliseconds: $0) }
        )
    }
}

extension Grant {
    fileprivate init(row: Row) throws {
        let family = try row.bytes("refresh_family")
        let current = try row.bytes("refresh_current")
        self.init(
            id: row["id"],
            account: try row.jid("account"),
            app: row["app"],
            scopes: Set(TextList.decode(row["scopes"])),
            createdAt: row.timestamp("created_at"),
            expiresAt: row.timestamp("expires_at"),
            refresh: family.isEmpty ? nil : Refresh(family: family, current: current),
            lastUsedAt: row.timestamp("last_used_at")
        )
    }
}
