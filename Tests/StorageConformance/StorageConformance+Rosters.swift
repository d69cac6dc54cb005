import Testing
import XMPP
import XMPPServer

extension StorageConformance {
    static let rosters = [
        StorageConformance("A roster item comes back as it was put, in each of the nine states") { storage in
            let mary = try Samples.jid("mary@example.com")
            var items: [RosterItem] = []
            for number in UInt8(0)..<9 {
                let state = try #require(SubscriptionState(rawValue: number))
                items.append(RosterItem(jid: try Samples.jid("c\(number)@example.com"), state: state))
            }
            items[1].name = ""
            items[2].name = "Bob \"B\" <b> ☃"
            items[3].groups = ["Friends", "", "A, B; C"]
            items[4].groups = [""]
            items[5].isApproved = true
            items[6].invitation = Array("<presence/>".utf8)
            items[7].invitation = []
            items[8].isListed = true
            try await storage.commit(items.map { .putRosterItem(owner: mary, $0) })

            #expect(try await storage.roster(of: mary) == StoredRoster(items: items))
        },
        StorageConformance("A roster item is replaced and removed by its JID") { storage in
            let mary = try Samples.jid("mary@example.com/desk")
            let contact = try Samples.jid("bob@example.com")
            let other = try Samples.jid("alice@example.com")
            try await storage.commit([
                .putRosterItem(
                    owner: mary,
                    RosterItem(jid: contact, name: "B", groups: ["x"], state: .both, invitation: [1])
                ),
                .putRosterItem(owner: mary, RosterItem(jid: other, state: .both)),
                .putRosterItem(owner: other, RosterItem(jid: contact, state: .both)),
            ])
            let new = RosterItem(jid: contact, state: .to)
            try await storage.commit([.putRosterItem(owner: mary, new), .removeRosterItem(owner: mary, other)])

            #expect(try await storage.roster(of: mary.bare).items == [new])
            #expect(try await storage.roster(of: other).items.count == 1)
            try await storage.commit([.removeRosterItem(owner: mary, other)])
        },
        StorageConformance("A roster has the version last set") { storage in
            let mary = try Samples.jid("mary@example.com")
            #expect(try await storage.roster(of: mary) == StoredRoster())
            try await storage.commit([.setRosterVersion(owner: mary, "1")])
            try await storage.commit([.setRosterVersion(owner: mary, "ver/2")])
            #expect(try await storage.roster(of: mary) == StoredRoster(items: [], version: "ver/2"))
        },
    ]

    static let values = [
        StorageConformance("A value is kept by store, owner and key") { storage in
            let mary = try Samples.jid("mary@example.com")
            let bob = try Samples.jid("bob@example.com")
            try await storage.commit([
                .putValue(store: "vcard", owner: mary, key: "", [0, 255]),
                .putValue(store: "vcard", owner: mary, key: "a", []),
                .putValue(store: "private", owner: mary, key: "a", [2]),
                .putValue(store: "vcard", owner: bob, key: "a", [3]),
            ])
            #expect(try await storage.value("vcard", mary, key: "") == [0, 255])
            #expect(try await storage.value("vcard", try Samples.jid("mary@example.com/x"), key: "a") == [])
            #expect(try await storage.value("vcard", mary, key: "b") == nil)
            #expect(try await storage.values("vcard", mary) == ["": [0, 255], "a": []])
            #expect(try await storage.values("private", mary) == ["a": [2]])
            #expect(try await storage.values("private", bob).isEmpty)
        },
        StorageConformance("The stores of an owner are known by their names") { storage in
            let mary = try Samples.jid("mary@example.com/pc")
            #expect(try await storage.stores(of: mary).isEmpty)
            try await storage.commit([
                .putValue(store: "b", owner: mary, key: "1", [1]), .putValue(store: "b", owner: mary, key: "2", [1]),
                .putValue(store: "a", owner: mary, key: "", [1]),
                .putValue(store: "c", owner: try Samples.jid("bob@example.com"), key: "", [1]),
            ])
            #expect(try await storage.stores(of: mary) == ["a", "b"])
            try await storage.commit([.removeValue(store: "a", owner: mary, key: "")])
            #expect(try await storage.stores(of: mary) == ["b"])
        },
        StorageConformance("All values of one owner in one store are removed together") { storage in
            let (mary, bob) = (try Samples.jid("mary@example.com"), try Samples.jid("bob@example.com"))
            for (store, owner, key) in [("a", mary, "1"), ("a", mary, "2"), ("b", mary, "1"), ("a", bob, "1")] {
                try await storage.commit([.putValue(store: store, owner: owner, key: key, [1])])
            }
            try await storage.commit([.removeValues(store: "a", owner: try Samples.jid("mary@example.com/pc"))])
            #expect(try await storage.values("a", mary).isEmpty)
            #expect(try await storage.values("b", mary).count == 1)
            #expect(try await storage.values("a", bob).count == 1)
        },
        StorageConformance("A value is replaced and removed; a host can own one, and a long one is kept") { storage in
            let host = try Samples.jid("example.com")
            let long = Array(repeating: UInt8(7), count: 300_000)
            try await storage.commit([.putValue(store: "secret", owner: host, key: "salt", [1])])
            try await storage.commit([.putValue(store: "secret", owner: host, key: "salt", long)])
            #expect(try await storage.value("secret", host, key: "salt") == long)

            try await storage.commit([.removeValue(store: "secret", owner: host, key: "salt")])
            try await storage.commit([.removeValue(store: "secret", owner: host, key: "salt")])
            #expect(try await storage.value("secret", host, key: "salt") == nil)
        },
    ]
}
