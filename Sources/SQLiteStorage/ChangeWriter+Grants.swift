import Foundation
import GRDB
import XMPP
import XMPPServer

extension ChangeWriter {
    func add(_ grant: Grant) throws {
        try db.run(
            """
            INSERT INTO app_grant
            (id, account, app, scopes, created_at, expires_at, refresh_family, refresh_current, last_used_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                grant.id, grant.account.bareText, grant.app, TextList.encode(grant.scopes.sorted()),
                grant.createdAt.milliseconds, grant.expiresAt.milliseconds, grant.refresh.map { Data($0.family) },
                grant.refresh.map { Data($0.current) }, grant.lastUsedAt.milliseconds,
            ]
        )
    }

    func renewGrant(
        _ id: String, used: [UInt8], next: [UInt8], at time: Timestamp, expiresAt expiry: Timestamp
    ) throws {
        try db.run(
            """
            UPDATE app_grant SET refresh_current = ?, last_used_at = ?, expires_at = ?
            WHERE id = ? AND refresh_current = ?
            """,
            [Data(next), time.milliseconds, expiry.milliseconds, id, Data(used)]
        )
        if db.changesCount == 0 { throw StorageError(.notFound, "no such refresh token") }
    }

    func noteUse(_ digest: [UInt8], _ time: Timestamp) throws {
        let arguments: StatementArguments = [time.milliseconds, Data(digest)]
        try db.run("UPDATE token SET last_used_at = ? WHERE digest = ?", arguments)
        try db.run(
            "UPDATE app_grant SET last_used_at = ? WHERE id = (SELECT app_grant FROM token WHERE digest = ?)", arguments
        )
    }

    func removeExpired(at time: Timestamp, atMost count: Int) throws {
        for (table, key) in [("token", "digest"), ("app_grant", "id")] {
            try db.run(
                """
                DELETE FROM \(table) WHERE \(key) IN
                (SELECT \(key) FROM \(table) WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)
                """,
                [time.milliseconds, count]
            )
        }
    }
}
