import Testing
import XMPP
import XMPPServer
import XMPPStream

extension StorageConformance {
    static let accounts = [
        StorageConformance("An account is found by its JID and, whatever the case, by its account id") { storage in
            var mary = try Samples.account("1@example.com", id: "Mary@Contoso.example", name: "Mary Ö.")
            mary.keepsHistory = false
            mary.personalMessage = "Gone fishing"
            mary.isAdministrator = true
            try await storage.commit([.addAccount(mary, credentials: [])])

            #expect(try await storage.account(mary.jid) == mary)
            #expect(try await storage.account(try Samples.jid("1@example.com/desk")) == mary)
            #expect(try await storage.account(host: "example.com", accountID: "MARY@contoso.example") == mary)
            #expect(try await storage.account(host: "example.org", accountID: "mary@contoso.example") == nil)
            #expect(try await storage.account(try Samples.jid("2@example.com")) == nil)
        },
        StorageConformance("A taken JID or account id is refused, on its own host") { storage in
            let mary = try Samples.account("1@example.com", id: "mary@contoso.example", name: "first")
            try await storage.commit([.addAccount(mary, credentials: [])])

            let sameJID = try Samples.account("1@example.com", name: "second")
            await expectFailure(.alreadyExists, [.addAccount(sameJID, credentials: [])], on: storage)
            let sameID = try Samples.account("2@example.com", id: "MARY@contoso.example")
            await expectFailure(.alreadyExists, [.addAccount(sameID, credentials: [])], on: storage)
            #expect(try await storage.accounts(host: nil) == [mary])

            let elsewhere = try Samples.account("1@example.org", id: "mary@contoso.example")
            let nameless = [try Samples.account("3@example.com"), try Samples.account("4@example.com")]
            try await storage.commit(([elsewhere] + nameless).map { .addAccount($0, credentials: []) })
            #expect(try await storage.account(host: "example.org", accountID: "mary@contoso.example") == elsewhere)
        },
        StorageConformance("Accounts are listed by host, in the order of their JIDs") { storage in
            let accounts = try ["b@example.com", "a@example.org", "a@example.com"].map { try Samples.account($0) }
            try await storage.commit(accounts.map { .addAccount($0, credentials: []) })

            #expect(
                try await storage.accounts(host: "example.com").map(\.jid.string) == ["a@example.com", "b@example.com"]
            )
            #expect(try await storage.accounts(host: nil).count == 3)
            #expect(try await storage.accounts(host: "example.net").isEmpty)
        },
        StorageConformance("An update changes what it names of one account, and nothing else") { storage in
            var mary = try Samples.account("1@example.com", id: "mary@contoso.example", name: "Mary")
            let bob = try Samples.account("2@example.com", id: "bob@contoso.example")
            try await storage.commit([.addAccount(mary, credentials: []), .addAccount(bob, credentials: [])])

            for update in updates {
                mary.apply(update)
                try await storage.commit([.updateAccount(mary.jid, update)])
                #expect(try await storage.account(mary.jid) == mary, "\(update)")
                #expect(try await storage.account(bob.jid) == bob)
            }

            let taken = AccountUpdate(accountID: .set("BOB@contoso.example"), displayName: "Bob")
            await expectFailure(.alreadyExists, [.updateAccount(mary.jid, taken)], on: storage)
            #expect(try await storage.account(mary.jid) == mary)
            for update in [AccountUpdate(), AccountUpdate(displayName: "Nobody")] {
                await expectFailure(.notFound, [.updateAccount(try Samples.jid("3@example.com"), update)], on: storage)
            }
        },
        StorageConformance("Updates of different settings at the same time are all kept") { storage in
            var mary = try Samples.account("1@example.com")
            try await storage.commit([.addAccount(mary, credentials: [])])
            let jid = mary.jid
            let atOnce = [
                AccountUpdate(accountID: .set("mary@contoso.example")), AccountUpdate(displayName: "Mary"),
                AccountUpdate(personalMessage: "Away"), AccountUpdate(keepsHistory: false),
                AccountUpdate(isAdministrator: true),
            ]
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for update in atOnce { tasks.addTask { try await storage.commit([.updateAccount(jid, update)]) } }
                try await tasks.waitForAll()
            }
            for update in atOnce { mary.apply(update) }
            #expect(try await storage.account(jid) == mary)
        },
        StorageConformance("Removing an account erases all that it owns and nothing else") { storage in
            let owners = ["1@example.com", "2@example.com"]
            for owner in owners { try await storage.commit(belongings(of: owner)) }

            let removed = try Samples.jid(owners[0])
            try await storage.commit([.removeAccount(removed)])

            #expect(try await storage.account(removed) == nil)
            #expect(try await storage.credentials(removed).isEmpty)
            #expect(try await storage.tokens(of: removed).isEmpty)
            #expect(try await storage.roster(of: removed) == StoredRoster())
            #expect(try await storage.values("vcard", removed).isEmpty)
            for collection in [ArchiveEntry.archive, ArchiveEntry.offline] {
                #expect(try await storage.archived(.init(collection: collection, owner: removed, limit: 9)).isEmpty)
            }

            let kept = try Samples.jid(owners[1])
            #expect(try await storage.credentials(kept).count == 1)
            #expect(try await storage.tokens(of: kept).count == 1)
            #expect(try await storage.roster(of: kept).items.count == 1)
            #expect(try await storage.values("vcard", kept).count == 1)
            #expect(try await storage.archived(.init(collection: "archive", owner: kept, limit: 9)).count == 1)
            try await storage.commit([.removeAccount(removed)])

            let later = try Samples.entry(1000, owner: owners[0])
            try await storage.commit([.append(later)])
            #expect(try await storage.archived(.init(collection: "archive", owner: removed, limit: 9)) == [later])
            #expect(try await storage.archived(.init(collection: "archive", owner: kept, limit: 9)).count == 1)
        },
        StorageConformance("What is stored for nobody, or behind an account's removal, is not the next owner's") {
            storage in
            for (number, name) in ["1@example.com", "2@example.com"].enumerated() {
                let account = try Samples.account(name)
                let late = try belongings(of: name).dropFirst(2)
                if number == 0 {
                    try await storage.commit([.addAccount(account, credentials: []), .removeAccount(account.jid)])
                }
                try await storage.commit(Array(late))
                try await storage.commit([
                    .addAccount(account, credentials: [try Samples.credential(.sha1)]),
                    .putValue(store: "own", owner: account.jid, key: "", [2]),
                ])

                #expect(try await storage.roster(of: account.jid) == StoredRoster())
                #expect(try await storage.stores(of: account.jid) == ["own"])
                for collection in [ArchiveEntry.archive, ArchiveEntry.offline] {
                    let query = ArchiveQuery(collection: collection, owner: account.jid, limit: 9)
                    #expect(try await storage.archived(query).isEmpty)
                }
                #expect(try await storage.credentials(account.jid).count == 1)

                // An account that is there keeps what it has.
                try await storage.commit(Array(try belongings(of: name, from: 50).dropFirst(2)))
                await expectFailure(.alreadyExists, [.addAccount(account, credentials: [])], on: storage)
                #expect(try await storage.roster(of: account.jid).items.count == 1)
                #expect(try await storage.stores(of: account.jid) == ["own", "vcard"])
            }
        },
    ]

    /// One after the other: each names one setting, or several, or none.
    private static let updates = [
        AccountUpdate(accountID: .removed),
        AccountUpdate(displayName: "M."),
        AccountUpdate(keepsHistory: false),
        AccountUpdate(personalMessage: "Gone fishing", isAdministrator: true),
        AccountUpdate(),
        AccountUpdate(accountID: .set("Mary@Contoso.example"), displayName: "", keepsHistory: true),
        AccountUpdate(personalMessage: "", isAdministrator: false),
    ]

    /// The first two changes are refused where there is no such account.
    private static func belongings(of owner: String, from first: Int64 = 0) throws -> [StorageChange] {
        let jid = try Samples.jid(owner)
        let id = Int64(owner.utf8.first ?? 0) * 2 + first
        return [
            .addAccount(try Samples.account(owner), credentials: [try Samples.credential(.sha256)]),
            .addToken(try Samples.token(owner.utf8.first ?? 0, of: owner)),
            .putRosterItem(owner: jid, RosterItem(jid: try Samples.jid("bob@example.com"), state: .both)),
            .setRosterVersion(owner: jid, "7"),
            .putValue(store: "vcard", owner: jid, key: "", [1]),
            .append(try Samples.entry(id, owner: owner)),
            .append(try Samples.entry(id + 1, owner: owner, collection: ArchiveEntry.offline)),
        ]
    }
}
