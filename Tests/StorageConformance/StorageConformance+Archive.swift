import Testing
import XMPP
import XMPPServer

extension StorageConformance {
    static let archive = [
        StorageConformance("An entry comes back as it was appended") { storage in
            let entries = [
                try Samples.entry(1, stanza: "<message>Ö ☃</message>"),
                try Samples.entry(2, peer: "example.org", isIncoming: false, stanza: ""),
                try Samples.entry(Int64.max - 1, stanza: String(repeating: "x", count: 200_000)),
            ]
            try await storage.commit(entries.map { .append($0) })
            #expect(try await storage.archived(query()) == entries)
        },
        StorageConformance("A query takes the oldest or the newest, always oldest first") { storage in
            try await storage.commit(try (1...9).map { .append(try Samples.entry($0)) })

            #expect(try await ids(storage, query(limit: 3)) == [1, 2, 3])
            #expect(try await ids(storage, query(limit: 3, newestFirst: true)) == [7, 8, 9])
            #expect(try await ids(storage, query(after: 2, limit: 2)) == [3, 4])
            #expect(try await ids(storage, query(before: 5, limit: 2, newestFirst: true)) == [3, 4])
            #expect(try await ids(storage, query(after: 2, before: 5)) == [3, 4])
            #expect(try await ids(storage, query(after: 9)).isEmpty)
            #expect(try await ids(storage, query(limit: 0)).isEmpty)
            #expect(try await ids(storage, query(limit: -1)).isEmpty)
        },
        StorageConformance("Entries are counted by owner and collection, no further than asked") { storage in
            try await storage.commit(try (1...9).map { .append(try Samples.entry($0)) })
            try await storage.commit([
                .append(try Samples.entry(10, collection: ArchiveEntry.offline)),
                .append(try Samples.entry(11, owner: "bob@example.com", peer: "mary@example.com")),
            ])
            for (limit, count) in [(100, 9), (9, 9), (4, 4), (0, 0), (-1, 0)] {
                let found = try await storage.archivedCount(query(limit: limit))
                #expect(found == count)
            }
        },
        StorageConformance("Owners, collections and peers are kept apart") { storage in
            try await storage.commit([
                .append(try Samples.entry(1)),
                .append(try Samples.entry(4, owner: "bob@example.com", peer: "mary@example.com")),
                .append(try Samples.entry(5, collection: ArchiveEntry.offline)),
                .append(try Samples.entry(2, peer: "alice@example.com")),
                .append(try Samples.entry(3)),
            ])
            #expect(try await ids(storage, query()) == [1, 2, 3])
            #expect(try await ids(storage, query(peer: "bob@example.com")) == [1, 3])
            #expect(try await ids(storage, query(peer: "bob@example.com", limit: 1, newestFirst: true)) == [3])
            #expect(try await ids(storage, query(peer: "carol@example.com")).isEmpty)
        },
        StorageConformance("An id is taken once, whoever has it") { storage in
            try await storage.commit([.append(try Samples.entry(1, stanza: "first"))])
            let other = try Samples.entry(1, owner: "bob@example.com", collection: ArchiveEntry.offline)
            await expectFailure(.alreadyExists, [.append(other)], on: storage)
            await expectFailure(.alreadyExists, [.append(try Samples.entry(1, stanza: "second"))], on: storage)
            #expect(try await storage.archived(query()).map(\.stanza) == [Array("first".utf8)])
        },
        StorageConformance("Peers are listed by their newest entry, each with the span of its newest") { storage in
            let peers = ["bob", "alice", "bob", "bob", "alice", "carol", "bob"]
            for (index, peer) in peers.enumerated() {
                let entry = try Samples.entry(Int64(index + 1), peer: "\(peer)@example.com")
                try await storage.commit([.append(entry)])
            }
            try await storage.commit([.append(try Samples.entry(20, peer: "dan@example.com", collection: "offline"))])
            let mary = try Samples.jid("mary@example.com")
            let found = try await storage.archivePeers(collection: "archive", owner: mary, newest: 3)

            #expect(
                found == [
                    try span("bob@example.com", count: 3, 3, 7),
                    try span("carol@example.com", count: 1, 6, 6),
                    try span("alice@example.com", count: 2, 2, 5),
                ]
            )
            #expect(try await storage.archivePeers(collection: "archive", owner: mary, newest: 0).isEmpty)
        },
        StorageConformance("Entries are removed up to an id, or all of them") { storage in
            let mary = try Samples.jid("mary@example.com")
            try await storage.commit(try (1...5).map { .append(try Samples.entry($0)) })
            try await storage.commit([.append(try Samples.entry(6, collection: ArchiveEntry.offline))])

            try await storage.commit([.removeArchived(query(before: 4))])
            #expect(try await ids(storage, query()) == [4, 5])
            try await storage.commit([.removeArchived(query(limit: .max))])
            #expect(try await ids(storage, query()).isEmpty)
            #expect(try await storage.archived(.init(collection: "offline", owner: mary, limit: 9)).count == 1)
        },
        StorageConformance("What a query describes is removed, and nothing else") { storage in
            let peers = ["bob", "alice", "bob", "alice", "bob"]
            for (index, peer) in peers.enumerated() {
                let entry = try Samples.entry(Int64(index + 1), peer: "\(peer)@example.com", isIncoming: index != 4)
                try await storage.commit([.append(entry)])
            }
            try await storage.commit([.removeArchived(query(peer: "alice@example.com", after: 2))])
            #expect(try await ids(storage, query()) == [1, 2, 3, 5])
            try await storage.commit([.removeArchived(query(peer: "bob@example.com", limit: 1))])
            #expect(try await ids(storage, query()) == [2, 3, 5])
            try await storage.commit([.removeArchived(query(limit: 1, newestFirst: true))])
            #expect(try await ids(storage, query()) == [2, 3])
            var listed = try query()
            listed.ids = [ArchiveID(rawValue: 2), ArchiveID(rawValue: 9)]
            #expect(try await ids(storage, listed) == [2])
            try await storage.commit([.removeArchived(listed)])
            #expect(try await ids(storage, query()) == [3])
        },
        StorageConformance("Entries are found by the marks that they were appended with") { storage in
            let bob = "bob@example.com/phone"
            func mark(_ resource: String?, _ id: String, origin: String? = nil) -> ArchiveMarks {
                ArchiveMarks(resource: resource, messageID: id, originID: origin)
            }
            try await storage.commit([
                .append(try Samples.entry(1), mark("phone", "a")),
                .append(try Samples.entry(2, isIncoming: false), mark("phone", "a&b")),
                .append(try Samples.entry(3), mark("pad", "c", origin: "o1")),
                .append(try Samples.entry(4), mark(nil, bob)),
            ])
            #expect(try await ids(storage, query(peer: bob)) == [1, 2])
            #expect(try await ids(storage, query(peer: bob, limit: 1, newestFirst: true)) == [2])
            #expect(try await storage.archivedCount(query(peer: bob)) == 2)
            for (id, found) in [("a", [1]), ("a&b", [2]), ("o1", [3]), ("c", [3]), ("b", [])] as [(String, [Int64])] {
                var query = try query(peer: "bob@example.com", limit: 1, newestFirst: true)
                query.messageID = id
                #expect(try await ids(storage, query) == found)
            }
            // Whoever it is that has the resource.
            try await storage.commit([.append(try Samples.entry(6, peer: "eve@example.org"), mark("phone", "d"))])
            var ofAnybody = try query()
            ofAnybody.resource = "phone"
            #expect(try await ids(storage, ofAnybody) == [1, 2, 6])
            #expect(try await storage.archivedCount(ofAnybody) == 3)
            var sent = try query()
            sent.isIncoming = false
            #expect(try await ids(storage, sent) == [2])
            // They stay when the stanza is replaced, and whatever it holds.
            try await storage.commit([
                .replaceArchived(
                    owner: try Samples.jid("mary@example.com"), ArchiveID(rawValue: 3), stanza: Array("gone".utf8)),
                .append(try Samples.entry(5, stanza: "<message from='bob@example.com/phone' id='a'/>")),
            ])
            var replaced = try query(peer: "bob@example.com/pad")
            replaced.messageID = "o1"
            #expect(try await ids(storage, replaced) == [3])
            #expect(try await ids(storage, query(peer: bob)) == [1, 2])
        },
        StorageConformance("A read of a task that is cancelled ends with its own error") { storage in
            let mary = try Samples.jid("mary@example.com")
            let reading = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await storage.archivedCount(ArchiveQuery(collection: ArchiveEntry.archive, owner: mary))
            }
            let error = await #expect(throws: StorageError.self) { try await reading.value }
            #expect(error?.kind == .cancelled)
        },
        StorageConformance("Nothing is seen of a removed account's archive, not by the next owner of the name either") {
            storage in
            let account = try Samples.account("mary@example.com")
            try await storage.commit([.addAccount(account, credentials: [])])
            try await storage.commit(try (1...1000).map { .append(try Samples.entry($0)) })
            try await storage.commit([.append(try Samples.entry(1001, collection: ArchiveEntry.offline))])
            // Neither within the group, nor behind it.
            try await storage.commit([
                .removeAccount(account.jid), .addAccount(account, credentials: []), .append(try Samples.entry(1002)),
            ])
            try await storage.commit([.append(try Samples.entry(1003))])
            #expect(try await ids(storage, query(limit: .max)) == [1002, 1003])
            #expect(try await storage.archivedCount(query(limit: .max)) == 2)
            var offline = try query()
            offline.collection = ArchiveEntry.offline
            #expect(try await storage.archivedCount(offline) == 0)
            let peers = try await storage.archivePeers(collection: ArchiveEntry.archive, owner: account.jid, newest: 9)
            #expect(peers.map(\.count) == [2])
            let limits = ArchiveLimits(
                host: "example.com", collection: ArchiveEntry.archive, since: nil, maximum: 1)
            let surplus = try await storage.archivesOver(limits, after: nil, atMost: 100)
            #expect(surplus.surplus.map(\.owner) == [account.jid])
        },
        StorageConformance("A stanza is replaced by its owner alone") { storage in
            try await storage.commit([.append(try Samples.entry(1, stanza: "first"))])
            let id = ArchiveID(rawValue: 1)
            let other = try Samples.jid("bob@example.com")
            try await storage.commit([.replaceArchived(owner: other, id, stanza: Array("second".utf8))])
            #expect(try await storage.archived(query()).map(\.stanza) == [Array("first".utf8)])
            let mary = try Samples.jid("mary@example.com")
            try await storage.commit([.replaceArchived(owner: mary, id, stanza: Array("third".utf8))])
            #expect(try await storage.archived(query()).map(\.stanza) == [Array("third".utf8)])
        },
        StorageConformance(
            "Entries are found by their words once they are indexed, whose they are, until they are gone"
        ) {
            storage in
            func stanza(_ text: String) -> String { "<message xmlns='jabber:client'><body>\(text)</body></message>" }
            func find(_ words: String, _ owner: String = "mary@example.com", peer: String? = nil) async throws
                -> [Int64]
            {
                var query = ArchiveQuery(collection: ArchiveEntry.archive, owner: try Samples.jid(owner))
                query.peer = try peer.map(Samples.jid)
                query.words = words
                let found = try await ids(storage, query)
                #expect(try await storage.archivedCount(query) == found.count)
                query.newestFirst = true
                query.limit = 1
                #expect(try await ids(storage, query) == Array(found.suffix(1)))
                return found
            }
            try await storage.commit([
                .append(try Samples.entry(1, stanza: stanza("Wherefore art thou Romeo?"))),
                .append(try Samples.entry(2, owner: "bob@example.com", stanza: stanza("Romeo"))),
                .append(try Samples.entry(3, collection: ArchiveEntry.offline, stanza: stanza("Romeo"))),
                .append(try Samples.entry(4, owner: "eve@example.org", stanza: stanza("Romeo"))),
                .append(try Samples.entry(5, peer: "alice@example.com", stanza: stanza("Café, ROMEO &amp; l1"))),
                .append(try Samples.entry(6, stanza: "<message xmlns='jabber:client'/>")),
                .append(try Samples.entry(7, stanza: "no XML")),
            ])
            #expect(try await find("romeo").isEmpty)
            func index(_ host: String = "example.com", before end: Int64 = 7, by count: Int = 3) async throws -> Bool {
                try await storage.indexArchive(host: host, before: ArchiveID(rawValue: end), atMost: count)
            }
            // By three, with nothing left behind.
            while try await !index() {}
            #expect(try await find("romeo").count == 2)
            #expect(try await !index(before: 8))
            #expect(try await !index("example.org", by: 100))
            #expect(try await index("example.org"))
            #expect(try await find("romeo") == [1, 5])
            #expect(try await find("romeo", "bob@example.com") == [2])
            #expect(try await find("romeo", "eve@example.org") == [4])
            #expect(try await find("romeo", peer: "alice@example.com") == [5])
            #expect(try await find("thou WHEREFORE") == [1])
            #expect(try await find("cafe") == [5])
            #expect(try await find("l1") == [5])
            for special in ["\"", "romeo\"", "NOT", "list:", "-", "(", "body : romeo*"] { _ = try await find(special) }

            let mary = try Samples.jid("mary@example.com")
            try await storage.commit([.replaceArchived(owner: mary, ArchiveID(rawValue: 1), stanza: [])])
            #expect(try await find("romeo") == [5])
            try await storage.commit([.removeArchived(query(after: 4, before: 6))])
            #expect(try await find("romeo").isEmpty)
            try await storage.commit([.removeAccount(try Samples.jid("bob@example.com"))])
            #expect(try await find("romeo", "bob@example.com").isEmpty)
        },
        StorageConformance("Archives over their limits are told, page by page") { storage in
            func id(_ number: Int64) -> ArchiveID { .first(at: Timestamp(milliseconds: number)) }
            func append(_ number: Int64, _ owner: String) async throws {
                let entry = try Samples.entry(id(number).rawValue, owner: owner, time: id(number).time)
                try await storage.commit([.append(entry)])
            }
            for (index, owner) in ["ann", "bob", "cat", "dan"].enumerated() {
                for number in 0..<(index + 1) {
                    try await append(Int64(number * 10 + index + 1), "\(owner)@example.com")
                }
            }
            try await append(100, "eve@example.org")
            func surplus(since: Int64?, maximum: Int?, after: String? = nil, count: Int = 100) async throws -> [String]
            {
                let limits = ArchiveLimits(
                    host: "example.com", collection: ArchiveEntry.archive,
                    since: since.map { Timestamp(milliseconds: $0) }, maximum: maximum)
                let found = try await storage.archivesOver(limits, after: try after.map(Samples.jid), atMost: count)
                var surplus: [String] = []
                for query in found.surplus {
                    surplus.append("\(query.owner.local ?? "") \(try await storage.archivedCount(query))")
                }
                return surplus + [found.last?.local ?? "end"]
            }
            #expect(try await surplus(since: nil, maximum: 2) == ["cat 1", "dan 2", "end"])
            #expect(try await surplus(since: 3, maximum: nil) == ["ann 1", "bob 1", "end"])
            #expect(
                try await surplus(since: 14, maximum: 2) == [
                    "ann 1", "bob 2", "cat 1", "cat 2", "dan 2", "dan 1", "end",
                ])
            #expect(try await surplus(since: 4, maximum: nil, count: 2) == ["ann 1", "bob 1", "bob"])
            #expect(try await surplus(since: 4, maximum: nil, after: "bob@example.com", count: 2) == ["cat 1", "dan"])
            #expect(try await surplus(since: nil, maximum: nil) == ["end"])
        },
        StorageConformance("Times are those of the clock, whatever it did, and the order is that of arrival") {
            storage in
            let generator = ArchiveIDGenerator(after: nil)
            func time(_ hour: Int64) -> Timestamp {
                Timestamp(milliseconds: Samples.noon.milliseconds + hour * 3_600_000)
            }
            func hour(_ time: Timestamp) -> Int64 { (time.milliseconds - Samples.noon.milliseconds) / 3_600_000 }
            func append(_ hour: Int64, _ owner: String = "mary", peer: String = "bob") async throws {
                let id = generator.submitting(at: time(hour)) { $0() }
                let entry = try Samples.entry(
                    id.rawValue, owner: "\(owner)@example.com", peer: "\(peer)@example.com",
                    time: id.time(at: time(hour)))
                try await storage.commit([.append(entry)])
            }
            func query(
                _ since: Int64? = nil, _ until: Int64? = nil, _ owner: String = "mary", peer: String? = nil
            ) throws -> ArchiveQuery {
                ArchiveQuery(
                    collection: ArchiveEntry.archive, owner: try Samples.jid("\(owner)@example.com"),
                    peer: try peer.map { try Samples.jid("\($0)@example.com") }, since: since.map(time),
                    until: until.map(time))
            }
            func find(_ query: ArchiveQuery) async throws -> [Int64] {
                let found = try await storage.archived(query).map { hour($0.time) }
                #expect(try await storage.archivedCount(query) == found.count)
                return found
            }
            let tenYears: Int64 = 87_600
            for hour in [0, 1] { try await append(Int64(hour), "ann") }
            for hour in [0, 1, tenYears, 2] { try await append(hour) }
            try await append(3, peer: "alice")
            for hour: Int64 in [26, 20] { try await append(hour) }

            #expect(try await find(query()) == [0, 1, tenYears, 2, 3, 26, 20])
            #expect(try await find(query(2)) == [tenYears, 2, 3, 26, 20])
            #expect(try await find(query(2, 27)) == [2, 3, 26, 20])
            #expect(try await find(query(2, 26)) == [2, 3, 20])
            #expect(try await find(query(nil, 2)) == [0, 1])
            #expect(try await find(query(2, 4, peer: "alice")) == [3])
            #expect(try await find(query(tenYears)) == [tenYears])
            #expect(try await find(query(1, nil, "ann")) == [1])
            #expect(try await find(query(nil, 1, "ann")) == [0])
            var newest = try query(nil, 3)
            (newest.limit, newest.newestFirst) = (1, true)
            #expect(try await find(newest) == [2])

            func collections(_ query: ArchiveQuery) async throws -> [Int64] {
                try await storage.archiveCollections(query).map { hour($0.first.time) }
            }
            #expect(try await collections(query()) == [0, tenYears, 3, 20])
            #expect(try await collections(query(1, 30)) == [3, 20])
            #expect(try await collections(query(peer: "alice")) == [3])
            #expect(try await collections(query(nil, nil, "ann")) == [0])
            #expect(try await collections(query(1, nil, "ann")) == [])

            let limits = ArchiveLimits(
                host: "example.com", collection: ArchiveEntry.archive, since: time(3), maximum: nil)
            let surplus = try await storage.archivesOver(limits, after: nil, atMost: 100).surplus
            #expect(surplus.map(\.owner.local) == ["ann", "mary"])
            for query in surplus { try await storage.removeArchived(query) }
            #expect(try await find(query()) == [tenYears, 3, 26, 20])
            #expect(try await storage.archivesOver(limits, after: nil, atMost: 100).surplus.isEmpty)
        },
        StorageConformance("The secret of the ids' texts stays the same") { storage in
            let secret = try await storage.archiveSecret()
            #expect(secret.count == 16)
            #expect(try await storage.archiveSecret() == secret)
        },
        StorageConformance("The newest id is known, and stays known when its entry is removed") { storage in
            #expect(try await storage.newestArchiveID() == nil)
            try await storage.commit([.append(try Samples.entry(8)), .append(try Samples.entry(5))])
            try await storage.commit([.append(try Samples.entry(6))])
            #expect(try await storage.newestArchiveID() == ArchiveID(rawValue: 8))
            try await storage.commit([.removeArchived(query(limit: .max))])
            #expect(try await storage.newestArchiveID() == ArchiveID(rawValue: 8))

            let next = try await ArchiveIDGenerator(storage: storage).reserve(
                for: try Samples.entry(8).owner, at: Timestamp(milliseconds: 0)
            ).id
            #expect(next == ArchiveID(rawValue: 9))
        },
    ]

    private static func query(
        peer: String? = nil,
        after: Int64? = nil,
        before: Int64? = nil,
        limit: Int = 100,
        newestFirst: Bool = false
    ) throws -> ArchiveQuery {
        ArchiveQuery(
            collection: ArchiveEntry.archive,
            owner: try Samples.jid("mary@example.com"),
            peer: try peer.map(Samples.jid),
            after: after.map { ArchiveID(rawValue: $0) },
            before: before.map { ArchiveID(rawValue: $0) },
            limit: limit,
            newestFirst: newestFirst
        )
    }

    private static func ids(_ storage: any Storage, _ query: ArchiveQuery) async throws -> [Int64] {
        try await storage.archived(query).map(\.id.rawValue)
    }

    private static func span(_ peer: String, count: Int, _ first: Int64, _ last: Int64) throws -> ArchivePeer {
        let ends = [first, last].map { id in
            ArchivePeer.Mark(
                id: ArchiveID(rawValue: id),
                time: Timestamp(milliseconds: Samples.noon.milliseconds + id % 1_000)
            )
        }
        return ArchivePeer(peer: try Samples.jid(peer), count: count, first: ends[0], last: ends[1])
    }
}
