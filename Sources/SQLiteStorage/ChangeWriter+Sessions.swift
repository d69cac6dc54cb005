import Foundation
import GRDB
import XMPP
import XMPPServer

extension ChangeWriter {
    /// The count of handled stanzas is not changed: it is committed with their changes.
    func put(_ session: StoredSession) throws {
        try db.run(
            """
            INSERT INTO session
            (id, account, jid, secret, bound_at, seconds, token, app_grant, rights, user_agent, handled, presence, flags)
            SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM account WHERE jid = ?)
            ON CONFLICT (id) DO UPDATE SET
            token = excluded.token, app_grant = excluded.app_grant, rights = excluded.rights,
            user_agent = excluded.user_agent, presence = excluded.presence, flags = excluded.flags, is_revoked = 0
            """,
            [
                session.id, session.jid.bareText, session.jid.string, session.secret, session.boundAt.milliseconds,
                session.time.components.seconds, session.token.map { Data($0.digest) }, session.token?.grant,
                TextList.encode(session.rights.names), session.userAgent, Int64(session.handled),
                session.presence.map { Data($0) },
                TextList.encode(session.flags), session.jid.bareText,
            ])
    }

    /// Marks sessions whose token or grant was revoked. An expired token does not count.
    func revokeSessions(where condition: StaticString, _ argument: any DatabaseValueConvertible) throws {
        try db.run("UPDATE session SET is_revoked = 1 WHERE \(condition) = ?", [argument])
    }

    /// A session that has ended gets none: whoever ended it has handled the message.
    func append(_ message: UnacknowledgedMessage, session: Int64) throws {
        try db.run(
            """
            INSERT INTO unacknowledged (session, position, is_numbered, others, time, stanza)
            SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM session WHERE id = ?1)
            """,
            [
                session, message.position, message.isNumbered, TextList.encode(message.others),
                message.time.milliseconds,
                Data(message.stanza),
            ])
    }

    func removeUnacknowledged(session: Int64, upTo position: Int64) throws {
        try db.run("DELETE FROM unacknowledged WHERE session = ? AND position <= ?", [session, position])
    }
}
