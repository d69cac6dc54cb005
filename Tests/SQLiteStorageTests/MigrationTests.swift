import Foundation
import GRDB
import TestKit
import Testing
import XMPP
import XMPPServer

@testable import SQLiteStorage

@Suite("Migrations")
struct MigrationTests {
    private let directory = TemporaryDirectory()

    @Test("Steps are numbered without a gap, and the last one is the version")
    func numbering() async throws {
        let names = Schema.migrator().migrations
        for (index, name) in names.enumerated() {
            let number = String(index + 1)
            #expect(name.hasPrefix(String(repeating: "0", count: 4 - number.count) + number + "-"))
        }
        let storage = try SQLiteStorage(path: directory.database)
        #expect(storage.schemaVersion == names.count)
        await storage.close()
    }

    @Test(
        "A database of any earlier version is brought up to date, with what is in it",
        arguments: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    func fromEachVersion(_ version: Int) async throws {
        try FileManager.default.createDirectory(atPath: directory.path, withIntermediateDirectories: true)
        let old = try DatabaseQueue(path: directory.database)
        if version > 0 {
            try Schema.migrator().migrate(old, upTo: Schema.migrator().migrations[version - 1])
            try await old.write { db in
                try db.execute(
                    sql: """
                        INSERT INTO account
                        (jid, host, account_id, display_name, keeps_history, is_administrator, created_at)
                        VALUES ('1@example.com', 'example.com', 'mary@x.example', 'M', 1, 0, 5)
                        """
                )
            }
        }
        try old.close()

        let storage = try SQLiteStorage(path: directory.database)
        #expect(storage.schemaVersion == Schema.migrator().migrations.count)
        let account = try await storage.account(host: "example.com", accountID: "mary@x.example")
        #expect((account != nil) == (version > 0))
        #expect(try await storage.integrityCheck().isEmpty)
        await storage.close()
    }

    @Test("Archives keep their order when ids become unique among all of them")
    func uniqueIDs() async throws {
        try FileManager.default.createDirectory(atPath: directory.path, withIntermediateDirectories: true)
        let old = try DatabaseQueue(path: directory.database)
        try Schema.migrator().migrate(old, upTo: "0005-personal-messages")
        try await old.write { db in
            try db.execute(
                sql: """
                    INSERT INTO archive_list VALUES (1, 'mary@example.com', 'archive'), (2, 'bob@example.com', 'archive');
                    INSERT INTO archive_peer VALUES (1, 'mary@example.com'), (2, 'bob@example.com');
                    INSERT INTO archive VALUES
                        (1, 5242880, 2, 0, 5, x'31'), (2, 5242880, 1, 1, 5, x'31'),
                        (1, 5242881, 2, 0, 5, x'32'), (2, 5242881, 1, 1, 5, x'32'), (1, 6291456, 2, 1, 6, x'33');
                    UPDATE archive_newest SET id = 6291456;
                    """)
        }
        try old.close()

        let storage = try SQLiteStorage(path: directory.database)
        for (owner, stanzas) in [("mary", ["1", "2", "3"]), ("bob", ["1", "2"])] {
            let owner = try #require(JID("\(owner)@example.com"))
            let entries = try await storage.archived(ArchiveQuery(collection: ArchiveEntry.archive, owner: owner))
            #expect(entries.map { String(decoding: $0.stanza, as: UTF8.self) } == stanzas)
            #expect(entries.allSatisfy { $0.id.time == $0.time })
        }
        #expect(try await storage.newestArchiveID() == ArchiveID(rawValue: 6_291_456))
        #expect(try await storage.archiveSecret().count == 16)
        await storage.close()
    }

    @Test("Archives are found by what was in their stanzas before there were marks")
    func marks() async throws {
        try FileManager.default.createDirectory(atPath: directory.path, withIntermediateDirectories: true)
        let old = try DatabaseQueue(path: directory.database)
        try Schema.migrator().migrate(old, upTo: "0008-who-else-has-a-message")
        try await old.write { db in
            try db.execute(
                sql: """
                    INSERT INTO archive_list VALUES (1, 'mary@example.com', 'archive'), (2, 'mary@example.com', 'offline');
                    INSERT INTO archive_peer VALUES (1, 'bob@example.com');
                    """)
            func insert(_ id: Int, _ isIncoming: Bool, _ from: String, _ to: String, _ rest: String) throws {
                let stanza = "<message xmlns='jabber:client' from='\(from)' to='\(to)' \(rest)</message>"
                try db.execute(
                    sql: "INSERT INTO archive VALUES (?, 1, 1, ?, 5, ?)",
                    arguments: [id, isIncoming, Data(stanza.utf8)])
            }
            let (mary, bob) = ("mary@example.com/pc", "bob@example.com/phone")
            try insert(1, true, bob, mary, "id='&amp;'>")
            try insert(2, false, mary, bob, "id='b'><origin-id xmlns='urn:xmpp:sid:0' id='o'/>")
            try insert(3, false, mary, "bob@example.com", ">")
            for id in 4...500 { try insert(id, true, "bob@example.com/pad", mary, "id='\(id)'><body>x</body>") }
            try db.execute(sql: "INSERT INTO archive VALUES (501, 1, 1, 1, 5, x'00'), (502, 2, 1, 1, 5, x'00')")
        }
        try old.close()

        let log = LogRecorder()
        let storage = try SQLiteStorage(path: directory.database, logger: log.logger)
        #expect(log.lines == ["error a message in an archive cannot be read [\"id\": 501]"])
        func find(_ peer: String, _ messageID: String? = nil) async throws -> [Int64] {
            try await storage.archived(
                ArchiveQuery(
                    collection: ArchiveEntry.archive, owner: try #require(JID("mary@example.com")),
                    peer: try #require(JID(peer)), messageID: messageID)
            ).map(\.id.rawValue)
        }
        #expect(try await find("bob@example.com/phone") == [1, 2])
        #expect(try await find("bob@example.com/pad").count == 497)
        #expect(try await find("bob@example.com").count == 501)
        for (id, found) in [("&", 1), ("b", 2), ("o", 2), ("500", 500)] as [(String, Int64)] {
            #expect(try await find("bob@example.com", id) == [found])
        }
        #expect(try await storage.integrityCheck().isEmpty)
        await storage.close()
    }

    @Test("A store of release 0.1.0 is brought up to date with all that is in it")
    func release() async throws {
        let dump = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/store-version-8.sql")
        try FileManager.default.createDirectory(atPath: directory.path, withIntermediateDirectories: true)
        let old = try DatabaseQueue(path: directory.database)
        let sql = try String(contentsOf: dump, encoding: .utf8)
        try await old.writeWithoutTransaction { db in try db.execute(sql: sql) }
        try old.close()

        let storage = try SQLiteStorage(path: directory.database)
        let (mary, bob) = (try #require(JID("mary@example.com")), try #require(JID("bob@example.com")))
        let account = try #require(try await storage.storedAccount(mary, stores: ["vcard-temp", "private-xml"]))
        #expect(account.account.displayName == "mary")
        #expect(account.credentials.count == 2)
        #expect(account.roster.items.map(\.name) == ["Bob"])
        #expect(account.roster.items.map(\.groups) == [["Friends"]])
        #expect(try await storage.tokens(of: mary).count == 1)
        let session = try #require(account.sessions.first)
        #expect(session.session.jid.resource == "pad")
        #expect(session.messages.count == 1)
        #expect(!session.isRevoked)

        let all = ArchiveQuery(collection: ArchiveEntry.archive, owner: mary)
        #expect(try await storage.archived(all).map(\.isIncoming) == [false, true, false, true])
        func find(_ change: (inout ArchiveQuery) -> Void) async throws -> Int {
            var query = all
            change(&query)
            return try await storage.archivedCount(query)
        }
        let times = try await storage.archived(all).map(\.time)
        #expect(try await find { $0.since = times[1] } == 3)
        #expect(try await find { $0.until = times[1] } == 1)
        #expect(try await find { ($0.peer, $0.messageID) = (bob, "o1") } == 1)
        #expect(try await find { ($0.peer, $0.messageID) = (bob, "m&2") } == 1)
        #expect(try await find { $0.peer = JID("bob@example.com/phone") } == 2)
        #expect(try await find { $0.words = "words" } == 3)
        let kept = ArchiveQuery(collection: ArchiveEntry.offline, owner: bob)
        #expect(try await storage.archivedCount(kept) == 1)
        #expect(try await storage.integrityCheck().isEmpty)
        await storage.close()
    }

    @Test("A database of a newer release is refused and left alone")
    func newerRelease() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        try await storage.pool.writeWithoutTransaction { db in
            try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('9999-later')")
        }
        await storage.close()
        for access in [SQLiteStorage.Access.write, .read] {
            let error = #expect(throws: StorageError.self) {
                try SQLiteStorage(path: directory.database, access: access)
            }
            #expect(error?.kind == .failed)
            #expect(error?.diagnosis.contains("newer release") == true)
        }
    }
}
