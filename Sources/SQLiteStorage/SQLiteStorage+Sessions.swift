import Foundation
import GRDB
import XMPP
import XMPPServer
import XMPPStream

extension SQLiteStorage {
    public func accountsWithSessions(host: String) async throws(StorageError) -> [JID] {
        try await read { db in
            try Row.fetchAll(
                db.prepared(
                    """
                    SELECT DISTINCT account AS jid FROM session
                    WHERE account IN (SELECT jid FROM account WHERE host = ?)
                    """, [host])
            ).map { try $0.jid("jid") }
        }
    }
}

extension Database {
    /// The sessions of an account that can be resumed, in the order in which they were bound.
    func sessions(of jid: JID) throws -> [StoredAccount.Session] {
        let rows = try Row.fetchAll(
            prepared(
                "SELECT * FROM session WHERE account = ? ORDER BY bound_at", [jid.bareText]))
        return try rows.map { row in
            StoredAccount.Session(
                try StoredSession(row: row), messages: try unacknowledged(session: row["id"]),
                isRevoked: row["is_revoked"])
        }
    }

    private func unacknowledged(session: Int64) throws -> [UnacknowledgedMessage] {
        try Row.fetchAll(
            prepared("SELECT * FROM unacknowledged WHERE session = ? ORDER BY position", [session])
        ).map { row in
            UnacknowledgedMessage(
                position: row["position"], isNumbered: row["is_numbered"], others: TextList.decode(row["others"]),
                time: row.timestamp("time"), stanza: try row.bytes("stanza"))
        }
    }
}

extension StoredSession {
    fileprivate init(row: Row) throws {
        let digest: Data? = row["token"]
        let rights: String? = row["rights"]
        let jid = try row.jid("jid")
        let handled: Int64 = row["handled"]
        let time: Int = row["seconds"]
        let presence: Data? = row["presence"]
        self.init(
            id: row["id"], jid: jid, secret: row["secret"], boundAt: row.timestamp("bound_at"), time: .seconds(time),
            token: digest.map { VerifiedToken(user: jid.local ?? "", digest: Array($0), grant: row["app_grant"]) },
            // Sessions stored by an earlier version: the rights follow from how they were opened.
            rights: rights.map { SessionRights(names: TextList.decode($0)) } ?? (digest == nil ? .owner : .program),
            userAgent: row["user_agent"], handled: UInt32(truncatingIfNeeded: handled),
            presence: presence.map { Array($0) }, flags: TextList.decode(row["flags"]))
    }
}
