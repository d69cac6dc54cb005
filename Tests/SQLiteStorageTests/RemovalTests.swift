import Foundation
import GRDB
import Synchronization
import Testing
import XMPP
import XMPPServer

@testable import SQLiteStorage

@Suite("The archives and maps of removed accounts")
struct RemovalTests {
    private let directory = TemporaryDirectory()
    private let count = 5_000

    @Test("Their room is freed in steps, between which others' changes are committed")
    func steps() async throws {
        let storage = try await filled()
        let (mary, bob) = (try jid("mary"), try jid("bob"))
        let seen = Mutex<Int?>(nil)
        await withCheckedContinuation { continuation in
            storage.submit([.removeAccount(mary)]) { _ in
                // On the writer's thread: the next change is there before the first step.
                storage.submit([.putValue(store: "s", owner: bob, key: "k", [1])]) { _ in
                    let rows = try? storage.pool.unsafeRead {
                        try Int.fetchOne($0, sql: "SELECT count(*) FROM archive")
                    }
                    seen.withLock { $0 = rows ?? nil }
                    continuation.resume()
                }
            }
        }
        #expect(try #require(seen.withLock { $0 }) >= count - 250)
        try await freed(storage)
        #expect(try await storage.integrityCheck().isEmpty)
        await storage.close()
    }

    @Test("Large stanzas make small steps")
    func largeStanzas() async throws {
        let storage = try await filled(stanza: String(repeating: "x", count: 200_000), count: 20)
        let mary = try jid("mary")
        // As the removal leaves it, with nobody to free it.
        try await storage.pool.writeWithoutTransaction { db in
            try db.execute(
                sql: "UPDATE archive_list SET owner = 'removed ' || id WHERE owner = ?", arguments: [mary.string])
            try db.inTransaction {
                _ = try RemovedData.free(db)
                return .commit
            }
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM archive") == 14)
        }
        await storage.close()
    }

    @Test("The room of maps is freed in steps as well")
    func maps() async throws {
        let storage = try await filled(count: 1)
        let (mary, bob) = (try jid("mary"), try jid("bob"))
        func put(_ name: String, of owner: JID) -> [StorageChange] {
            (0..<1_000).map { number in
                .putItem(
                    MapName(owner: owner, store: "s", name: name), key: "\(number)", [1], expiresAt: nil,
                    keepsPlace: false)
            }
        }
        try await storage.commit(put("a", of: mary) + put("b", of: mary) + put("c", of: bob))
        try await storage.commit([.removeMap(MapName(owner: bob, store: "s", name: "c")), .removeAccount(mary)])
        try await freed(storage)
        // The place of a removed map is free for the next one at once.
        let map = MapName(owner: mary, store: "s", name: "a")
        try await storage.commit(
            put("a", of: mary) + [.removeMap(map), .putItem(map, key: "k", [1], expiresAt: nil, keepsPlace: false)])
        #expect(try await storage.mapPage(MapQuery(map, limit: 9))?.items.map(\.key) == ["k"])
        await storage.close()
    }

    @Test("A store that was closed meanwhile goes on with it when it is opened")
    func reopening() async throws {
        let storage = try await filled()
        storage.submit([.removeAccount(try jid("mary"))], completion: nil)
        await storage.close()
        let reopened = try SQLiteStorage(path: directory.database)
        try await freed(reopened)
        #expect(try await reopened.integrityCheck().isEmpty)
        await reopened.close()
    }

    @Test("Words go with the entries")
    func words() async throws {
        let storage = try await filled(
            stanza: "<message xmlns='jabber:client'><body>romeo</body></message>", count: 400)
        let end = ArchiveID(rawValue: .max)
        #expect(try await !storage.indexArchive(host: "example.com", before: end, atMost: 1000))
        #expect(try await storage.indexArchive(host: "example.com", before: end, atMost: 1000))
        try await storage.commit([.removeAccount(try jid("mary"))])
        try await freed(storage)
        let words = try await storage.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM archive_text") }
        #expect(words == 0)
        await storage.close()
    }
}

extension RemovalTests {
    private func jid(_ name: String) throws -> JID { try #require(JID("\(name)@example.com")) }

    private func filled(stanza: String = "<message/>", count: Int? = nil) async throws -> SQLiteStorage {
        let storage = try SQLiteStorage(path: directory.database)
        let (mary, bob) = (try jid("mary"), try jid("bob"))
        try await storage.commit([
            .addAccount(Account(jid: mary, createdAt: Timestamp(milliseconds: 0)), credentials: [])
        ])
        try await storage.commit(
            (1...Int64(count ?? self.count)).map { id in
                .append(
                    ArchiveEntry(
                        id: ArchiveID(rawValue: id), collection: ArchiveEntry.archive, owner: mary, peer: bob,
                        isIncoming: true, time: Timestamp(milliseconds: 0), stanza: Array(stanza.utf8)))
            })
        return storage
    }

    /// Returns when nothing of it is left.
    private func freed(_ storage: SQLiteStorage) async throws {
        while try await storage.read({ try RemovedData.exist($0) }) { await storage.flush() }
        for table in ["archive", "archive_list", "map", "map_item"] {
            let rows = try await storage.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") }
            #expect(rows == 0)
        }
    }
}
