import Foundation
import GRDB
import Testing
import XMPP
import XMPPServer

@testable import SQLiteStorage

@Suite("SQLite storage: files, locks, tables")
struct SQLiteStorageTests {
    private let directory = TemporaryDirectory()
    private let owner = JID("example.com")

    @Test("The files are their owner's alone")
    func fileModes() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        try await storage.commit([])
        #expect(try directory.mode() == 0o700)
        for name in ["swallowtail.sqlite", "swallowtail.sqlite-wal", "swallowtail.sqlite-shm", "swallowtail.lock"] {
            #expect(try directory.mode(name) == 0o600, "\(name)")
        }
        await storage.close()
    }

    @Test("A database that others could read is taken from them")
    func tightensMode() async throws {
        await (try SQLiteStorage(path: directory.database)).close()
        #expect(chmod(directory.database, 0o644) == 0)
        await (try SQLiteStorage(path: directory.database)).close()
        #expect(try directory.mode("swallowtail.sqlite") == 0o600)
    }

    @Test("Commits are synchronous, in WAL mode")
    func durability() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        let settings = try await storage.pool.writeWithoutTransaction { db in
            try ["synchronous", "journal_mode"].map { try String.fetchOne(db, sql: "PRAGMA \($0)") }
        }
        #expect(settings == ["2", "wal"])
        await storage.close()
    }

    @Test("One writer at a time; the next one may open when it has closed")
    func lock() async throws {
        let first = try SQLiteStorage(path: directory.database)
        let error = #expect(throws: StorageError.self) { try SQLiteStorage(path: directory.database) }
        #expect(error?.kind == .inUse)
        await first.close()
        await (try SQLiteStorage(path: directory.database)).close()
    }

    @Test("A storage that is let go of without closing gives up the lock")
    func abandoned() async throws {
        do {
            let abandoned = try SQLiteStorage(path: directory.database)
            try await abandoned.commit([])
        }
        await (try SQLiteStorage(path: directory.database)).close()
    }

    @Test("A reader sees what the writer committed, and changes nothing")
    func readAccess() async throws {
        let owner = try #require(owner)
        let missing = #expect(throws: StorageError.self) {
            try SQLiteStorage(path: directory.database, access: .read)
        }
        #expect(missing?.kind == .notFound)

        let writer = try SQLiteStorage(path: directory.database)
        let reader = try SQLiteStorage(path: directory.database, access: .read)
        try await writer.commit([.putValue(store: "s", owner: owner, key: "k", [1])])
        #expect(try await reader.value("s", owner, key: "k") == [1])
        #expect(reader.schemaVersion == writer.schemaVersion)
        #expect(try await reader.integrityCheck().isEmpty)

        let refused = await #expect(throws: StorageError.self) {
            try await reader.commit([.putValue(store: "s", owner: owner, key: "k", [2])])
        }
        #expect(refused?.kind == .unavailable)
        await reader.close()
        await writer.close()

        let alone = try SQLiteStorage(path: directory.database, access: .read)
        #expect(try await alone.value("s", owner, key: "k") == [1])
        await alone.close()
    }

    @Test("What was stored is there after the store was opened again")
    func reopening() async throws {
        let owner = try #require(owner)
        let first = try SQLiteStorage(path: directory.database)
        try await first.commit([.putValue(store: "s", owner: owner, key: "k", [1])])
        await first.close()
        let second = try SQLiteStorage(path: directory.database)
        #expect(try await second.value("s", owner, key: "k") == [1])
        await second.close()
    }

    @Test("A sound database passes the check, a damaged one does not")
    func integrity() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        #expect(try await storage.integrityCheck().isEmpty)
        try await storage.pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA foreign_keys = OFF")
            try db.execute(
                sql:
                    "INSERT INTO token (digest, account, scopes, created_at) VALUES (x'00', 'nobody@example.com', '', 0)"
            )
        }
        #expect(try await storage.integrityCheck() == ["the table token refers to a missing row"])
        await storage.close()
    }

    @Test("What is no database is refused")
    func notADatabase() throws {
        try FileManager.default.createDirectory(atPath: directory.path, withIntermediateDirectories: true)
        try Data(repeating: 0x41, count: 8_192).write(to: URL(fileURLWithPath: directory.database))
        let error = #expect(throws: StorageError.self) { try SQLiteStorage(path: directory.database) }
        #expect(error?.kind == .failed)
    }
}
