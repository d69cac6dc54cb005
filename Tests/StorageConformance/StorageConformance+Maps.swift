import Testing
import XMPP
import XMPPServer

extension StorageConformance {
    static let maps = [
        StorageConformance("Items of a map come in the order in which they were put, or in that of their keys") {
            storage in
            let map = try node("node")
            try await put(["b", "a", "c"], in: map, storage)
            #expect(try await keys(MapQuery(map, limit: 9), storage) == ["b", "a", "c"])
            #expect(try await keys(MapQuery(map, order: .byKey(), limit: 9), storage) == ["a", "b", "c"])
            // What is put again goes behind the others, unless it is to stay where it is.
            try await storage.commit([
                .putItem(map, key: "b", [1], expiresAt: nil, keepsPlace: false),
                .putItem(map, key: "a", [2], expiresAt: Samples.noon, keepsPlace: true),
                .putItem(map, key: "d", [3], expiresAt: nil, keepsPlace: true),
            ])
            let page = try #require(try await storage.mapPage(MapQuery(map, limit: 9)))
            #expect(page.items.map(\.key) == ["a", "c", "b", "d"])
            #expect(page.items.map(\.value) == [[2], Array("c".utf8), [1], [3]])
            #expect(page.items.map(\.expiresAt) == [Samples.noon, nil, nil, nil])
            try await storage.commit([.removeItem(map, key: "c"), .removeItem(map, key: "none")])
            #expect(try await storage.mapItems(map, keys: ["d", "c", "a", "a"]).map(\.key) == ["a", "d"])
            // Keys are bytes: these two are one text to Swift.
            let composed = ["\u{E9}", "e\u{301}"]
            try await put(composed, in: map, storage)
            #expect(try await storage.mapItems(map, keys: composed).count == 2)
        },
        StorageConformance("A map is read page by page, from either end") { storage in
            let map = try node("node")
            let all = (0..<10).map { "k\($0)" }
            try await put(all.reversed(), in: map, storage)
            try await put(["other"], in: MapName(owner: map.owner, store: map.store, name: "n"), storage)
            for (order, all) in [(MapQuery.Order.byKey(), all), (.byPlace, all.reversed())] {
                func page(_ position: MapQuery.Position, _ limit: Int = 3) async throws -> ArraySlice<String>? {
                    let query = MapQuery(map, order: order, position: position, limit: limit, isCounted: true)
                    guard let page = try await storage.mapPage(query) else { return nil }
                    #expect(page.count == 10)
                    #expect(page.index == page.items.first.flatMap { all.firstIndex(of: $0.key) })
                    return page.items.map(\.key)[...]
                }
                #expect(try await page(.first) == all[0..<3])
                #expect(try await page(.last) == all[7..<10])
                #expect(try await page(.after(all[2])) == all[3..<6])
                #expect(try await page(.after(all[8])) == all[9..<10])
                #expect(try await page(.after(all[9])) == [])
                #expect(try await page(.before(all[2])) == all[0..<2])
                #expect(try await page(.before(all[5])) == all[2..<5])
                #expect(try await page(.index(4)) == all[4..<7])
                #expect(try await page(.index(10)) == [])
                #expect(try await page(.first, 0) == [])
                #expect(try await page(.after("none")) == nil)
                #expect(try await page(.before("other")) == nil)
            }
            let uncounted = try #require(try await storage.mapPage(MapQuery(map, limit: 1)))
            #expect(uncounted.count == nil && uncounted.index == nil)
            let short = try await storage.mapPage(MapQuery(map, limit: 9, byteLimit: 3))
            #expect(short?.items.count == 2)
            let missing = try await storage.mapPage(MapQuery(try node("none"), limit: 9, isCounted: true))
            #expect(missing?.items.isEmpty == true && missing?.count == 0)
        },
        StorageConformance("Keys are found by what they begin with") { storage in
            let map = try node("node")
            let keys = ["a", "a%", "a/1", "a/2", "a0", "b", "\u{D7FF}x", "\u{E000}", "\u{10FFFF}", "\u{10FFFF}z", "é"]
            try await put(keys, in: map, storage)
            for prefix in ["", "a", "a/", "a%", "A", "b", "c", "\u{D7FF}", "\u{10FFFF}", "e"] {
                let query = MapQuery(map, order: .byKey(prefix: prefix), limit: 99, isCounted: true)
                let page = try #require(try await storage.mapPage(query))
                let found = keys.filter { Array($0.utf8).starts(with: prefix.utf8) }
                    .sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
                #expect(page.items.map(\.key) == found)
                #expect(page.count == found.count)
            }
            let query = MapQuery(map, order: .byKey(prefix: "a/"), position: .after("a/1"), limit: 1, isCounted: true)
            let page = try #require(try await storage.mapPage(query))
            #expect(page.items.map(\.key) == ["a/2"] && page.index == 1)
        },
        StorageConformance("A map is trimmed to its newest items and bytes") { storage in
            let map = try node("node")
            func trim(_ items: Int?, _ bytes: Int?) async throws -> [String] {
                try await storage.commit([.trimMap(map, MapBounds(items: items, bytes: bytes))])
                return try await keys(MapQuery(map, limit: 99), storage)
            }
            // Of as many bytes as their keys have.
            try await put(["1", "22", "333", "4444", "55555"], in: map, storage)
            #expect(try await trim(nil, nil).count == 5)
            #expect(try await trim(5, 15).count == 5)
            #expect(try await trim(4, nil) == ["22", "333", "4444", "55555"])
            #expect(try await trim(nil, 12) == ["333", "4444", "55555"])
            #expect(try await trim(2, 100) == ["4444", "55555"])
            #expect(try await trim(9, 8) == ["55555"])
            #expect(try await trim(0, nil) == [])
            #expect(try await trim(0, 0) == [])
        },
        StorageConformance("Expired items of a store are removed, the oldest first") { storage in
            let (map, other) = (try node("node"), try node("node", owner: "bob@example.com"))
            func at(_ second: Int64) -> Timestamp { Timestamp(milliseconds: second * 1000) }
            let changes: [StorageChange] =
                try (1...6).map { number in
                    .putItem(
                        number.isMultiple(of: 2) ? map : other, key: "\(number)", [], expiresAt: at(Int64(number)),
                        keepsPlace: false)
                } + [
                    .putItem(map, key: "stays", [], expiresAt: nil, keepsPlace: false),
                    .putItem(
                        MapName(owner: map.owner, store: "another", name: "n"), key: "1", [], expiresAt: at(1),
                        keepsPlace: false),
                ]
            try await storage.commit(changes)
            func left() async throws -> [String] {
                try await keys(MapQuery(map, limit: 9), storage) + keys(MapQuery(other, limit: 9), storage)
            }
            try await storage.commit([.removeExpiredItems(store: "pages", at: at(4), atMost: 2)])
            #expect(try await left() == ["4", "6", "stays", "3", "5"])
            try await storage.commit([.removeExpiredItems(store: "pages", at: at(5), atMost: 100)])
            #expect(try await left() == ["6", "stays"])
            #expect(try await storage.maps(of: map.owner, store: "another", after: nil, atMost: 9) == ["n"])
        },
        StorageConformance("Maps are their owner's, are listed, and go with the account") { storage in
            try await storage.commit([.addAccount(try Samples.account("mary@example.com"), credentials: [])])
            let mary = try Samples.jid("mary@example.com")
            let names = ["c", "a", "b", "é"]
            for name in names { try await put(["k"], in: try node(name), storage) }
            try await put(["k"], in: try node("a", owner: "bob@example.com"), storage)
            #expect(try await storage.maps(of: mary, store: "pages", after: nil, atMost: 9) == ["a", "b", "c", "é"])
            #expect(try await storage.maps(of: mary, store: "pages", after: "a", atMost: 2) == ["b", "c"])
            #expect(try await storage.maps(of: mary, store: "others", after: nil, atMost: 9).isEmpty)
            try await storage.commit([.removeMap(try node("a")), .removeItem(try node("b"), key: "k")])
            #expect(try await storage.maps(of: mary, store: "pages", after: nil, atMost: 9) == ["c", "é"])
            try await storage.commit([.removeAccount(mary)])
            #expect(try await storage.maps(of: mary, store: "pages", after: nil, atMost: 9).isEmpty)
            #expect(try await keys(MapQuery(try node("c"), limit: 9), storage).isEmpty)
            #expect(try await keys(MapQuery(try node("a", owner: "bob@example.com"), limit: 9), storage) == ["k"])
        },
    ]

    private static func node(_ name: String, owner: String = "mary@example.com") throws -> MapName {
        MapName(owner: try Samples.jid(owner), store: "pages", name: name)
    }

    /// Puts items whose values are their keys.
    private static func put(_ keys: [String], in map: MapName, _ storage: any Storage) async throws {
        try await storage.commit(
            keys.map { .putItem(map, key: $0, Array($0.utf8), expiresAt: nil, keepsPlace: false) })
    }

    private static func keys(_ query: MapQuery, _ storage: any Storage) async throws -> [String] {
        try #require(try await storage.mapPage(query)).items.map(\.key)
    }
}
