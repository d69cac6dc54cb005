import GRDB
import Testing
import XML
import XMPP
import XMPPServer

@testable import SQLiteStorage

@Suite("Typed maps")
struct MapStoreTests {
    private let directory = TemporaryDirectory()

    @Test("Values come back as they were put, in their order")
    func roundTrip() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        let pages = MapStore<StoredElement>("pages", in: storage)
        let map = pages.map("node", of: try #require(JID("mary@example.com/desk")))
        func element(_ text: String) throws -> StoredElement {
            let text = text.replacing("<", with: "&lt;")
            return StoredElement(try Element(ownOutput: Array("<p xmlns='x'>\(text)</p>".utf8)))
        }
        try await storage.commit([
            pages.putting(try element("a"), map, key: "1"), pages.putting(try element("c"), map, key: "2"),
            pages.putting(try element("d < e"), map, key: "1", keepsPlace: true),
        ])
        let page = try #require(try await pages.page(MapQuery(map, limit: 9)))
        #expect(page.items.map(\.value.element.text) == ["d < e", "c"])
        #expect(try await pages.get(map, key: "2")?.element.text == "c")
        #expect(try await pages.get(map, key: "3") == nil)
        #expect(try await pages.items(map, keys: ["2", "1"]).map(\.key) == ["1", "2"])
        #expect(try await pages.maps(of: map.owner, atMost: 9) == ["node"])
        #expect(try await pages.page(MapQuery(map, position: .after("3"), limit: 9)) == nil)

        try await storage.commit([.putItem(map, key: "4", [0x41], expiresAt: nil, keepsPlace: false)])
        let error = await #expect(throws: StorageError.self) { try await pages.get(map, key: "4") }
        #expect(error?.kind == .failed)
        await storage.close()
    }

    @Test("A page is found through an index, whichever it is")
    func indexes() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        for condition in [
            "ORDER BY place DESC LIMIT 5", "AND place > 7 ORDER BY place LIMIT 5",
            "AND key >= 'a' AND key < 'b' AND key > 'ab' ORDER BY key LIMIT 5",
        ] {
            let plan = try await storage.pool.read { db in
                try Row.fetchAll(
                    db, sql: "EXPLAIN QUERY PLAN SELECT value FROM map_item WHERE map = 1 \(condition)"
                ).map { $0["detail"] as String }.joined(separator: "\n")
            }
            #expect(plan.contains("SEARCH map_item USING INDEX"), "\(plan)")
            #expect(!plan.contains("TEMP B-TREE"), "\(plan)")
        }
        await storage.close()
    }
}
