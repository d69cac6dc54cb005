import Foundation
import GRDB
import Logging
import XMPP
import XMPPServer
import XMPPStream

/// Applies groups of changes in one transaction, each group whole or not at all.
struct ChangeWriter: ~Copyable {
    let db: Database
    /// The cache of the previous writer; the next one gets it if the transaction is committed.
    var keys: ArchiveKeys
    /// Whether a failed group can be undone alone. That costs more than most groups do: SQLite then copies every page
    /// that a group is the first to touch.
    let canUndoGroups: Bool
    let marks: MarkNumbers
    let logger: Logger
    /// Whether archives or maps were detached from their owners.
    var hasRemovedData = false
    /// The greatest appended id.
    var newestID: Int64 = 0

    init(_ db: Database, keys: ArchiveKeys, marks: MarkNumbers, canUndoGroups: Bool, _ logger: Logger) {
        self.logger = logger
        self.marks = marks
        self.db = db
        self.keys = keys
        self.canUndoGroups = canUndoGroups
    }

    /// Half of a group was applied, and cannot be undone alone.
    struct HalfApplied: Error {}

    /// Applies one group. A group that fails leaves no trace, and the result has the reason.
    ///
    /// - Throws: `HalfApplied`, or an error by which the whole transaction is lost.
    mutating func apply(_ changes: [StorageChange], _ work: WriteQueue.Work? = nil) throws -> Result<Void, StorageError>
    {
        // SQLite undoes a failed statement by itself, so a group of one statement needs no savepoint.
        let isAtomic = changes.count == 1 && changes[0].isOneStatement && work == nil
        if !isAtomic, canUndoGroups { try db.run("SAVEPOINT change_group") }
        do {
            for change in changes { try apply(change) }
            try work?(&self)
        } catch {
            guard db.isInsideTransaction else { throw error }
            if !isAtomic {
                guard canUndoGroups else { throw HalfApplied() }
                try db.run("ROLLBACK TO SAVEPOINT change_group")
                try db.run("RELEASE SAVEPOINT change_group")
                keys.forget()
            }
            return .failure(StorageError(error))
        }
        if !isAtomic, canUndoGroups { try db.run("RELEASE SAVEPOINT change_group") }
        return .success(())
    }

    /// Writes what is written once per transaction.
    func finish() throws {
        guard newestID > 0 else { return }
        try db.run("UPDATE archive_newest SET id = ?1 WHERE id < ?1", [newestID])
    }

    private mutating func apply(_ change: StorageChange) throws {
        switch change {
        case .addAccount(let account, let credentials): try add(account, credentials)
        case .updateAccount(let jid, let changes): try update(jid.bareText, changes)
        case .removeAccount(let jid): try removeAccount(jid.bareText)
        case .setCredentials(let jid, let credentials): try setCredentials(jid.bareText, credentials)
        case .addToken(let token): try add(token)
        case .removeToken(let digest):
            try revokeSessions(where: "token", Data(digest))
            try db.run("DELETE FROM token WHERE digest = ?", [Data(digest)])
        case .removeTokens(let jid):
            try revokeSessions(where: "account", jid.bareText)
            try db.run("DELETE FROM app_grant WHERE account = ?", [jid.bareText])
            try db.run("DELETE FROM token WHERE account = ?", [jid.bareText])
        case .noteUse(let digest, let time): try noteUse(digest, time)
        case .addGrant(let grant): try add(grant)
        case .renewGrant(let id, let used, let next, let time, let expiry):
            try renewGrant(id, used: used, next: next, at: time, expiresAt: expiry)
        case .removeGrant(let id):
            try revokeSessions(where: "app_grant", id)
            try db.run("DELETE FROM app_grant WHERE id = ?", [id])
        case .removeExpired(let time, let count): try removeExpired(at: time, atMost: count)
        case .putRosterItem(let owner, let item): try put(item, owner: owner.bareText)
        case .removeRosterItem(let owner, let jid):
            try db.run("DELETE FROM roster_item WHERE owner = ? AND jid = ?", [owner.bareText, jid.string])
        case .setRosterVersion(let owner, let version):
            try db.run("INSERT OR REPLACE INTO roster_version VALUES (?, ?)", [owner.bareText, version])
        case .putValue(let store, let owner, let key, let value):
            try db.run(
                """
                INSERT INTO keyed_value (owner, store, key, value) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET value = excluded.value
                """,
                [owner.bareText, store, key, Data(value)]
            )
        case .removeValue(let store, let owner, let key):
            try db.run(
                "DELETE FROM keyed_value WHERE owner = ? AND store = ? AND key = ?",
                [owner.bareText, store, key]
            )
        case .removeValues(let store, let owner):
            try db.run("DELETE FROM keyed_value WHERE owner = ? AND store = ?", [owner.bareText, store])
        case .putItem(let map, let key, let value, let expiry, let keepsPlace):
            try putItem(map, key, value, expiry, keepsPlace: keepsPlace)
        case .removeItem(let map, let key): try removeItem(map, key)
        case .trimMap(let map, let bounds): try trim(map, bounds)
        case .removeMap(let map): try removeMap(map)
        case .removeExpiredItems(let store, let time, let count):
            try removeExpiredItems(store, time, atMost: count)
        case .putSession(let session): try put(session)
        case .setHandled(let id, let count):
            try db.run("UPDATE session SET handled = ? WHERE id = ?", [Int64(count), id])
        case .appendUnacknowledged(let id, let message): try append(message, session: id)
        case .removeUnacknowledged(let id, let position): try removeUnacknowledged(session: id, upTo: position)
        case .removeSession(let id): try db.run("DELETE FROM session WHERE id = ?", [id])
        case .append(let entry, let marks): try append(entry, marks)
        case .replaceArchived(let owner, let id, let stanza):
            try replaceArchived(owner: owner.bareText, id, stanza)
        case .removeArchived(let query): try removeArchived(query)
        }
    }
}

extension ChangeWriter {
    private mutating func add(_ account: Account, _ credentials: [SCRAMCredential]) throws {
        try db.run(
            """
            INSERT INTO account
            (account_id, display_name, personal_message, keeps_history, is_administrator, is_enabled, created_at, jid,
             host)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                account.accountID, account.displayName, account.personalMessage, account.keepsHistory,
                account.isAdministrator, account.isEnabled, account.createdAt.milliseconds, account.jid.bareText,
                account.jid.domain,
            ]
        )
        try removeBelongings(of: account.jid.bareText)
        try insert(credentials, account.jid.bareText)
    }

    private func update(_ jid: String, _ update: AccountUpdate) throws {
        // One statement for all updates: a setting that is not named gets its present value.
        try db.run(
            """
            UPDATE account
            SET account_id = iif(?, ?, account_id),
                display_name = coalesce(?, display_name),
                personal_message = coalesce(?, personal_message),
                keeps_history = coalesce(?, keeps_history),
                is_administrator = coalesce(?, is_administrator),
                is_enabled = coalesce(?, is_enabled)
            WHERE jid = ?
            """,
            [
                update.accountID != nil, update.accountID?.value, update.displayName, update.personalMessage,
                update.keepsHistory, update.isAdministrator, update.isEnabled, jid,
            ]
        )
        if db.changesCount == 0 { throw StorageError(.notFound, "no such account") }
    }

    private mutating func removeAccount(_ jid: String) throws {
        try db.run("DELETE FROM account WHERE jid = ?", [jid])
        try removeBelongings(of: jid)
    }

    /// Removes data that are stored whether or not the account exists; the rest is removed with the account.
    private mutating func removeBelongings(of jid: String) throws {
        for table in ["roster_item", "roster_version", "keyed_value"] {
            try db.run("DELETE FROM \(table) WHERE owner = ?", [jid])
        }
        try removeMaps(owner: jid)
        try removeArchive(owner: jid)
    }

    private func setCredentials(_ account: String, _ credentials: [SCRAMCredential]) throws {
        guard try Bool.fetchOne(db.prepared("SELECT 1 FROM account WHERE jid = ?", [account])) != nil else {
            throw StorageError(.notFound, "no such account")
        }
        try db.run("DELETE FROM credential WHERE account = ?", [account])
        try insert(credentials, account)
    }

    private func insert(_ credentials: [SCRAMCredential], _ account: String) throws {
        for credential in credentials {
            try db.run(
                """
                INSERT INTO credential
                    (account, hash, salt, iterations, stored_key, server_key, other_stored_key, other_server_key)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    account, credential.hash.rawValue, Data(credential.salt), credential.iterations,
                    Data(credential.storedKey), Data(credential.serverKey),
                    credential.otherKeys.map { Data($0.storedKey) }, credential.otherKeys.map { Data($0.serverKey) },
                ]
            )
        }
    }

    private func add(_ token: Token) throws {
        try db.run(
            """
            INSERT INTO token (digest, account, scopes, created_at, expires_at, label, app_grant, last_used_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                Data(token.digest), token.account.bareText, TextList.encode(token.scopes.sorted()),
                token.createdAt.milliseconds, token.expiresAt?.milliseconds, token.label, token.grant,
                token.lastUsedAt?.milliseconds,
            ]
        )
    }

    private func put(_ item: RosterItem, owner: String) throws {
        try db.run(
            """
            INSERT OR REPLACE INTO roster_item (owner, jid, name, groups, state, is_listed, is_approved, invitation)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                owner, item.jid.string, item.name, TextList.encode(item.groups), Int(item.state.rawValue),
                item.isListed, item.isApproved, item.invitation.map { Data($0) },
            ]
        )
    }
}

extension StorageChange {
    fileprivate var isOneStatement: Bool {
        switch self {
        case .addAccount, .removeAccount, .setCredentials, .removeToken, .removeTokens, .removeGrant, .noteUse,
            .removeExpired, .putItem, .removeItem, .trimMap, .removeMap, .removeExpiredItems:
            false
        default: true
        }
    }
}
