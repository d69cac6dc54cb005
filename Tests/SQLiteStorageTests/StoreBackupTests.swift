import Foundation
import GRDB
import Testing
import XMPP
import XMPPServer

@testable import SQLiteStorage

@Suite("Backups and what is made of them", .timeLimit(.minutes(2)))
struct StoreBackupTests {
    private let directory = TemporaryDirectory()
    private let elsewhere = TemporaryDirectory()
    private let owner: JID

    private var backup: String { directory.path + "/backup.db" }
    private var key: String { elsewhere.path + "/secret.key" }

    init() throws {
        owner = try #require(JID("mary@example.com"))
    }

    private func value(_ number: Int) -> StorageChange {
        .putValue(store: "s", owner: owner, key: "\(number)", Array(repeating: UInt8(number & 255), count: 2_000))
    }

    private func restore(replacing: Bool = false) throws(StorageError) -> StoreRestoration {
        try StoreRestoration(
            of: backup, database: elsewhere.database, files: ["secret.key": key], replacing: replacing)
    }

    private func names(_ directory: TemporaryDirectory) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: directory.path))
    }

    @Test("After an orderly end the database file alone is the database")
    func checkpointAtClose() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        let reader = try SQLiteStorage(path: directory.database, access: .read)
        _ = try await reader.accounts(host: nil)
        for number in 0..<50 { try await storage.commit([value(number)]) }
        #expect(await storage.close() == nil)
        #expect(await storage.close() == nil)
        await reader.close()
        try FileManager.default.createDirectory(atPath: elsewhere.path, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: directory.database, toPath: elsewhere.database)
        let copy = try SQLiteStorage(path: elsewhere.database)
        #expect(try await copy.values("s", owner).count == 50)
        await copy.close()
    }

    @Test("An end that leaves something in the log says so")
    func failedCheckpoint() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        try await storage.commit([value(1)])
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: directory.database, configuration: configuration)
        try other.inDatabase { db in
            try db.execute(sql: "BEGIN; SELECT * FROM account")
        }
        try await storage.commit([])
        let failure = await storage.close()
        #expect(failure?.diagnosis.contains("swallowtail.sqlite-wal, and has to stay with") == true)
        try other.close()
        let again = try SQLiteStorage(path: directory.database)
        #expect(try await again.values("s", owner).count == 1)
        #expect(await again.close() == nil)
    }

    @Test("A backup of a store that is written to is the store at one moment, and is restored")
    func busyWriter() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        for number in 0..<2_000 { storage.submit([value(number)], .soon, completion: nil) }
        await storage.flush()
        // Two values at a time: a moment has both or neither.
        let writing = Task {
            var number = 10_000
            while !Task.isCancelled {
                try await storage.commit([value(number), value(number + 1)])
                number += 2
            }
            return number
        }
        while try await storage.value("s", owner, key: "10050") == nil { await Task.yield() }
        try await storage.backUp(to: backup, with: ["secret.key": [1, 2, 3], "unknown": [4]])
        while try await storage.value("s", owner, key: "10100") == nil { await Task.yield() }
        writing.cancel()
        let end = try await writing.value
        #expect(try directory.mode("backup.db") == 0o600)
        #expect(try !names(directory).contains { $0.hasPrefix("backup.db.") || $0.hasPrefix("backup.db-") })
        #expect(await storage.close() == nil)

        let restored = try restore()
        #expect(restored.version == storage.schemaVersion)
        #expect(restored.former == nil)
        #expect(FileManager.default.contents(atPath: key) == Data([1, 2, 3]))
        #expect(try elsewhere.mode("swallowtail.sqlite") == 0o600)
        #expect(try elsewhere.mode("secret.key") == 0o600)
        #expect(try names(elsewhere) == ["swallowtail.sqlite", "swallowtail.lock", "secret.key"])
        let store = try SQLiteStorage(path: elsewhere.database)
        #expect(try await store.integrityCheck().isEmpty)
        let written = try await store.values("s", owner).keys.compactMap { Int($0) }.filter { $0 >= 10_000 }.sorted()
        #expect(written == Array(10_000..<10_000 + written.count))
        #expect(written.count.isMultiple(of: 2))
        #expect((51...end).contains(written.count))
        #expect(try await store.stores(of: owner) == ["s"])
        #expect(try await store.pool.read { try !$0.tableExists("backed_up_file") })
        await store.close()
    }

    @Test("Nothing is overwritten, and what fails leaves nothing behind")
    func refusals() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        try await storage.commit([value(1)])
        try Data([7]).write(to: URL(fileURLWithPath: backup))
        let taken = await #expect(throws: StorageError.self) { try await storage.backUp(to: backup, with: [:]) }
        #expect(taken?.kind == .alreadyExists)
        #expect(FileManager.default.contents(atPath: backup) == Data([7]))
        let nowhere = await #expect(throws: StorageError.self) {
            try await storage.backUp(to: directory.path + "/no/backup.db", with: [:])
        }
        #expect(nowhere?.kind == .failed)
        await storage.close()
        let closed = await #expect(throws: StorageError.self) {
            try await storage.backUp(to: backup + "2", with: [:])
        }
        #expect(closed?.kind == .unavailable)
        #expect(try !names(directory).contains { $0.hasSuffix(".part") || $0.hasPrefix("backup.db2") })
    }

    @Test("A backup that is cancelled leaves nothing, and one that a killed process has left gives way")
    func cancelled() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        for number in 0..<5_000 { storage.submit([value(number)], .soon, completion: nil) }
        await storage.flush()
        var steps = 0
        let error = #expect(throws: StorageError.self) {
            try StoreBackup.write(database: directory.database, with: [:], to: backup) {
                steps += 1
                return steps > 1
            }
        }
        #expect(error?.kind == .cancelled)
        #expect(try !names(directory).contains { $0.hasPrefix("backup") })
        try Data(repeating: 1, count: 99_999).write(to: URL(fileURLWithPath: backup + ".part"))
        let other = try DraftFile(backup)
        let inUse = #expect(throws: StorageError.self) {
            try StoreBackup.write(database: directory.database, with: [:], to: backup)
        }
        #expect(inUse?.kind == .inUse)
        withExtendedLifetime(other) {}
        await storage.close()
    }

    @Test("The end of a store ends a backup that is under way, and leaves a whole one or none")
    func closing() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        for number in 0..<5_000 { storage.submit([value(number)], .soon, completion: nil) }
        await storage.flush()
        let making = Task { try await storage.backUp(to: backup, with: [:]) }
        while !FileCalls.exists(backup + ".part"), !FileCalls.exists(backup) { await Task.yield() }
        #expect(await storage.close() == nil)
        do {
            try await making.value
            #expect(try restore().version == storage.schemaVersion)
        } catch let error as StorageError {
            #expect(error.kind == .cancelled)
            #expect(!FileCalls.exists(backup))
        }
        #expect(!FileCalls.exists(backup + ".part"))
    }

    @Test("A store gives way only if it is told to, and is kept")
    func replacing() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        try await storage.commit([value(1)])
        try await storage.backUp(to: backup, with: ["secret.key": [1]])
        await storage.close()

        let former = try SQLiteStorage(path: elsewhere.database)
        try await former.commit([value(2)])
        try Data([2]).write(to: URL(fileURLWithPath: key))
        let inUse = #expect(throws: StorageError.self) { try restore(replacing: true) }
        #expect(inUse?.kind == .inUse)
        await former.close()
        let refused = #expect(throws: StorageError.self) { try restore() }
        #expect(refused?.kind == .alreadyExists)

        let kept = try #require(try restore(replacing: true).former)
        for (path, keys) in [(elsewhere.database, ["1"]), (kept + "/swallowtail.sqlite", ["2"])] {
            let store = try SQLiteStorage(path: path)
            #expect(try await store.values("s", owner).keys.sorted() == keys)
            await store.close()
        }
        #expect(FileManager.default.contents(atPath: key) == Data([1]))
        #expect(FileManager.default.contents(atPath: kept + "/secret.key") == Data([2]))
    }

    @Test("The log of a store that gives way is never taken for that of the next one")
    func formerLog() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        try await storage.commit([value(1)])
        try await storage.backUp(to: backup, with: [:])
        await storage.close()
        // As a killed server leaves it, damaged on top of that.
        do {
            let former = try SQLiteStorage(path: elsewhere.database)
            for number in 0..<100 { try await former.commit([value(number)]) }
            try FileManager.default.copyItem(atPath: elsewhere.database + "-wal", toPath: key + ".wal")
            await former.close()
        }
        try FileManager.default.removeItem(atPath: elsewhere.database + "-wal")
        try FileManager.default.moveItem(atPath: key + ".wal", toPath: elsewhere.database + "-wal")
        try Data(repeating: 0x41, count: 8_192).write(to: URL(fileURLWithPath: elsewhere.database))

        let kept = try #require(try restore(replacing: true).former)
        let store = try SQLiteStorage(path: elsewhere.database)
        #expect(try await store.values("s", owner).keys.sorted() == ["1"])
        #expect(try await store.integrityCheck().isEmpty)
        await store.close()
        #expect(FileManager.default.fileExists(atPath: kept + "/swallowtail.sqlite"))
    }

    @Test("What is damaged, of a newer release or no backup is not restored, and the store stays")
    func unusable() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        for number in 0..<500 { try await storage.commit([value(number)]) }
        await storage.close()
        let former = try SQLiteStorage(path: elsewhere.database)
        try await former.commit([value(1)])
        await former.close()

        func expectRefusal(_ reason: String, _ spoil: (Database) throws -> Void) throws {
            try? FileManager.default.removeItem(atPath: backup)
            try StoreBackup.write(database: directory.database, with: [:], to: backup)
            let database = try DatabaseQueue(path: backup)
            try database.writeWithoutTransaction(spoil)
            try database.close()
            let error = #expect(throws: StorageError.self) { try restore(replacing: true) }
            #expect(error?.diagnosis.contains(reason) == true, "\(error?.diagnosis ?? "")")
        }
        try expectRefusal("newer release") { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('9999-later')") }
        try expectRefusal("not the backup of a store") { try $0.execute(sql: "DROP TABLE grdb_migrations") }
        try expectRefusal("is damaged") { db in
            try db.execute(
                sql: """
                    PRAGMA foreign_keys = OFF;
                    INSERT INTO token (digest, account, scopes, created_at) VALUES (x'00', 'nobody@example.com', '', 0)
                    """)
        }
        try expectRefusal("SQLite") { _ in
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: backup))
            for page in 3..<40 {
                try file.seek(toOffset: UInt64(page) * 4096)
                try file.write(contentsOf: Data(repeating: 0x5A, count: 4096))
            }
            try file.close()
        }
        try Data(repeating: 0x41, count: 8_192).write(to: URL(fileURLWithPath: backup))
        #expect(throws: StorageError.self) { try restore(replacing: true) }
        try FileManager.default.removeItem(atPath: backup)
        let missing = #expect(throws: StorageError.self) { try restore(replacing: true) }
        #expect(missing?.kind == .notFound)
        // Whoever opens one waits for somebody who writes.
        #expect(mkfifo(backup, 0o600) == 0)
        let pipe = #expect(throws: StorageError.self) { try restore(replacing: true) }
        #expect(pipe?.kind == .notFound)

        let store = try SQLiteStorage(path: elsewhere.database)
        #expect(try await store.values("s", owner).count == 1)
        await store.close()
        #expect(try names(elsewhere).allSatisfy { $0.hasPrefix("swallowtail.") && !$0.hasSuffix(".part") })
    }
}
