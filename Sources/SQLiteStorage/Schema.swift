import GRDB
import Logging
import XML
import XMPP
import XMPPServer

/// The schema, and the numbered migrations that lead to it.
///
/// A released migration never changes: a change of the schema is a further migration. The number in its name is the
/// schema's version after it.
enum Schema {
    static func migrator(_ logger: Logger = .none) -> DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("0001-accounts") { db in try createAccounts(db) }
        migrator.registerMigration("0002-rosters-and-values") { db in try createRostersAndValues(db) }
        migrator.registerMigration("0003-archive") { db in try createArchive(db) }
        migrator.registerMigration("0004-grants") { db in try createGrants(db) }
        migrator.registerMigration("0005-personal-messages") { db in
            try db.execute(sql: "ALTER TABLE account ADD COLUMN personal_message TEXT NOT NULL DEFAULT ''")
        }
        migrator.registerMigration("0006-archive-by-id") { db in
            try numberArchive(db)
            try createArchiveIndex(db)
        }
        migrator.registerMigration("0007-sessions") { db in try createSessions(db) }
        migrator.registerMigration("0008-who-else-has-a-message") { db in
            try db.execute(
                sql: """
                    ALTER TABLE unacknowledged ADD COLUMN others TEXT NOT NULL DEFAULT '';
                    ALTER TABLE unacknowledged DROP COLUMN is_copied;
                    """)
        }
        migrator.registerMigration("0009-rights-of-sessions") { db in
            // Until now, a session whose token was gone counted as revoked.
            try db.execute(
                sql: """
                    ALTER TABLE session ADD COLUMN rights TEXT;
                    ALTER TABLE session ADD COLUMN is_revoked INTEGER NOT NULL DEFAULT 0;
                    UPDATE session SET is_revoked = 1
                    WHERE token IS NOT NULL AND NOT EXISTS (SELECT 1 FROM token WHERE digest = session.token);
                    """)
        }
        migrator.registerMigration("0010-archive-by-marks") { db in try markArchive(db, logger) }
        migrator.registerMigration("0011-keys-of-both-forms") { db in
            // The second keys of passwords for which RFC 4013 and RFC 8265 differ.
            try db.execute(
                sql: """
                    ALTER TABLE credential ADD COLUMN other_stored_key BLOB;
                    ALTER TABLE credential ADD COLUMN other_server_key BLOB;
                    """)
        }
        migrator.registerMigration("0012-archive-by-time") { db in
            try db.execute(sql: "CREATE INDEX archive_by_time ON archive (list, time) WHERE \(ArchiveTimes.differs)")
        }
        migrator.registerMigration("0013-maps") { db in try createMaps(db) }
        migrator.registerMigration("0014-disabled-accounts") { db in
            try db.execute(sql: "ALTER TABLE account ADD COLUMN is_enabled INTEGER NOT NULL DEFAULT 1")
        }
        return migrator
    }

    /// The database's version: the number of the last migration, 0 for an empty database.
    static func version(_ db: Database) throws -> Int {
        let steps = try migrator().appliedIdentifiers(db)
        return steps.compactMap { step in Int(step.prefix { $0 != "-" }) }.max() ?? 0
    }

    private static func createAccounts(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE account (
                    jid TEXT NOT NULL PRIMARY KEY,
                    host TEXT NOT NULL,
                    account_id TEXT,
                    display_name TEXT NOT NULL,
                    keeps_history INTEGER NOT NULL,
                    is_administrator INTEGER NOT NULL,
                    created_at INTEGER NOT NULL,
                    UNIQUE (host, account_id)
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE credential (
                    account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
                    hash TEXT NOT NULL,
                    salt BLOB NOT NULL,
                    iterations INTEGER NOT NULL,
                    stored_key BLOB NOT NULL,
                    server_key BLOB NOT NULL,
                    PRIMARY KEY (account, hash)
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE token (
                    digest BLOB NOT NULL PRIMARY KEY,
                    account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
                    scopes TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    expires_at INTEGER,
                    label TEXT
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX token_by_account ON token (account, created_at);
                """
        )
    }

    private static func createRostersAndValues(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE roster_item (
                    owner TEXT NOT NULL,
                    jid TEXT NOT NULL,
                    name TEXT,
                    groups TEXT NOT NULL,
                    state INTEGER NOT NULL,
                    is_listed INTEGER NOT NULL,
                    is_approved INTEGER NOT NULL,
                    invitation BLOB,
                    PRIMARY KEY (owner, jid)
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE roster_version (
                    owner TEXT NOT NULL PRIMARY KEY,
                    version TEXT NOT NULL
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE keyed_value (
                    owner TEXT NOT NULL,
                    store TEXT NOT NULL,
                    key TEXT NOT NULL,
                    value BLOB NOT NULL,
                    PRIMARY KEY (owner, store, key)
                ) STRICT;
                """
        )
    }

    /// The archive's rows have small numbers for owner, collection and peer, so that the two indexes, whose pages every
    /// append writes, are a third as large.
    private static func createArchive(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE archive_list (
                    id INTEGER NOT NULL PRIMARY KEY,
                    owner TEXT NOT NULL,
                    collection TEXT NOT NULL,
                    UNIQUE (owner, collection)
                ) STRICT;

                CREATE TABLE archive_peer (
                    id INTEGER NOT NULL PRIMARY KEY,
                    jid TEXT NOT NULL UNIQUE
                ) STRICT;

                CREATE TABLE archive (
                    list INTEGER NOT NULL,
                    id INTEGER NOT NULL,
                    peer INTEGER NOT NULL,
                    is_incoming INTEGER NOT NULL,
                    time INTEGER NOT NULL,
                    stanza BLOB NOT NULL,
                    PRIMARY KEY (list, id)
                ) STRICT;
                CREATE INDEX archive_by_peer ON archive (list, peer, id);

                CREATE TABLE archive_newest (id INTEGER NOT NULL) STRICT;
                INSERT INTO archive_newest VALUES (0);
                """
        )
    }

    /// Ids become unique among all entries, and the key of the table: rows are in the order of arrival, the two indexes
    /// end in the id without naming it, and a full-text index can refer to rows by it.
    private static func numberArchive(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE archive_new (
                    id INTEGER NOT NULL PRIMARY KEY,
                    list INTEGER NOT NULL,
                    peer INTEGER NOT NULL,
                    is_incoming INTEGER NOT NULL,
                    time INTEGER NOT NULL,
                    stanza BLOB NOT NULL
                ) STRICT;
                INSERT INTO archive_new
                SELECT ((id >> 20) << 20) + row_number() OVER (PARTITION BY id >> 20 ORDER BY id, list) - 1,
                    list, peer, is_incoming, time, stanza
                FROM archive ORDER BY 1;
                DROP TABLE archive;
                ALTER TABLE archive_new RENAME TO archive;
                CREATE INDEX archive_by_list ON archive (list);
                CREATE INDEX archive_by_peer ON archive (list, peer);

                ALTER TABLE archive_newest ADD COLUMN secret BLOB NOT NULL DEFAULT x'';
                UPDATE archive_newest
                SET secret = randomblob(16), id = max(id, (SELECT coalesce(max(id), 0) FROM archive));
                """
        )
    }

    /// The words of entries, by id. The list is a word as well, so that a search covers one archive only. The index
    /// keeps its input, which it needs to remove words.
    private static func createArchiveIndex(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE VIRTUAL TABLE archive_text USING fts5(
                    list, body, tokenize = 'unicode61 remove_diacritics 2', columnsize = 0);

                CREATE TABLE archive_indexed (
                    host TEXT NOT NULL PRIMARY KEY,
                    id INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                """
        )
    }

    /// Further keys of an entry: the peer's resource, and the ids given by the client, as numbers (see `MarkNumbers`).
    /// They are part of the index of peers, so that a search reads no stanza.
    private static func markArchive(_ db: Database, _ logger: Logger) throws {
        try db.execute(
            sql: """
                DROP INDEX archive_by_peer;
                ALTER TABLE archive ADD COLUMN resource INTEGER;
                ALTER TABLE archive ADD COLUMN message INTEGER;
                ALTER TABLE archive ADD COLUMN origin INTEGER;
                """)
        let numbers = try MarkNumbers(
            secret: Row.fetchOne(db, sql: "SELECT secret FROM archive_newest")?.bytes("secret") ?? [])
        var last = Int64.min
        // A few at a time: stanzas may be large.
        while true {
            let rows = try Row.fetchAll(
                db.prepared(
                    """
                    SELECT archive.id, is_incoming, stanza FROM archive JOIN archive_list ON archive_list.id = list
                    WHERE archive.id > ? AND collection = ? ORDER BY archive.id LIMIT 200
                    """, [last, ArchiveEntry.archive]))
            for row in rows {
                let id: Int64 = row[0]
                last = id
                let message: Element
                do {
                    message = try Element(ownOutput: row.bytes("stanza"))
                } catch {
                    logger.error("a message in an archive cannot be read", metadata: ["id": "\(id)"])
                    continue
                }
                guard let marks = ArchiveMarks(of: message, isIncoming: row[1]) else { continue }
                try db.run(
                    "UPDATE archive SET resource = ?, message = ?, origin = ? WHERE id = ?",
                    [
                        marks.resource.map(numbers.number), marks.messageID.map(numbers.number),
                        marks.originID.map(numbers.number), id,
                    ])
            }
            guard !rows.isEmpty else { break }
        }
        try db.execute(
            sql: """
                CREATE INDEX archive_by_peer ON archive
                (list, peer, id, is_incoming, message, origin, resource)
                """)
    }

    /// Collections of modules. An item's place is the key of the table, so that the index by map ends in it, and the
    /// latest items are at the end of the table.
    private static func createMaps(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE map (
                    id INTEGER NOT NULL PRIMARY KEY,
                    owner TEXT NOT NULL,
                    store TEXT NOT NULL,
                    name TEXT NOT NULL,
                    UNIQUE (owner, store, name)
                ) STRICT;

                CREATE TABLE map_item (
                    place INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
                    map INTEGER NOT NULL,
                    key TEXT NOT NULL,
                    expires_at INTEGER,
                    value BLOB NOT NULL,
                    UNIQUE (map, key)
                ) STRICT;
                CREATE INDEX map_item_by_place ON map_item (map);
                CREATE INDEX map_item_by_expiry ON map_item (expires_at) WHERE expires_at IS NOT NULL;
                """
        )
    }

    private static func createGrants(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE app_grant (
                    id TEXT NOT NULL PRIMARY KEY,
                    account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
                    app TEXT NOT NULL,
                    scopes TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    expires_at INTEGER NOT NULL,
                    refresh_family BLOB UNIQUE,
                    refresh_current BLOB,
                    last_used_at INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX app_grant_by_account ON app_grant (account, created_at);
                CREATE INDEX app_grant_by_app ON app_grant (app);
                CREATE INDEX app_grant_by_expiry ON app_grant (expires_at);

                ALTER TABLE token ADD COLUMN app_grant TEXT REFERENCES app_grant ON DELETE CASCADE;
                ALTER TABLE token ADD COLUMN last_used_at INTEGER;
                CREATE INDEX token_by_grant ON token (app_grant) WHERE app_grant IS NOT NULL;
                CREATE INDEX token_by_expiry ON token (expires_at) WHERE expires_at IS NOT NULL;
                """
        )
    }

    /// Sessions that can be resumed, and their unacknowledged messages.
    private static func createSessions(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE session (
                    id INTEGER NOT NULL PRIMARY KEY,
                    account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
                    jid TEXT NOT NULL,
                    secret TEXT NOT NULL,
                    bound_at INTEGER NOT NULL,
                    seconds INTEGER NOT NULL,
                    token BLOB,
                    app_grant TEXT,
                    user_agent TEXT,
                    handled INTEGER NOT NULL,
                    presence BLOB,
                    flags TEXT NOT NULL
                ) STRICT;
                CREATE INDEX session_by_account ON session (account);

                CREATE TABLE unacknowledged (
                    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
                    position INTEGER NOT NULL,
                    is_numbered INTEGER NOT NULL,
                    is_copied INTEGER NOT NULL,
                    time INTEGER NOT NULL,
                    stanza BLOB NOT NULL,
                    PRIMARY KEY (session, position)
                ) STRICT, WITHOUT ROWID;
                """
        )
    }
}

extension ArchiveMarks {
    /// The marks of a stanza that was archived without; nil: it has none.
    fileprivate init?(of message: Element, isIncoming: Bool) {
        guard let peer = message[isIncoming ? "from" : "to"].flatMap({ JID($0) }) else { return nil }
        self.init(of: message, peer: peer)
    }
}
