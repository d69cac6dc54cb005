import Testing
import XMPP

@testable import XMPPServer

@Suite("The accounts in use", .timeLimit(.minutes(10))) struct AccountTableTests {
    /// Accounts that fall into the same shard; a shard holds 16 before it looks for unused ones.
    private static let neighbours: [JID] = {
        var found: [Int: [JID]] = [:]
        for number in 0... {
            guard let jid = JID("user\(number)@example.org") else { continue }
            let shard = jid.bareHash & 63
            found[shard, default: []].append(jid)
            if let jids = found[shard], jids.count == 40 { return jids }
        }
        return []
    }()

    private static func storage(
        afterRead: @escaping @Sendable (Int) async -> Void = { _ in }
    ) -> FakeStorage {
        FakeStorage(accounts: neighbours.map(\.string), afterRead: afterRead)
    }

    private let jid = AccountTableTests.neighbours[0]

    private func load(_ table: AccountTable, _ jids: some Sequence<JID>) async throws {
        for jid in jids { _ = try await table.load(jid) }
    }

    @Test func theSameRecordForEverybody() async throws {
        let table = AccountTable(storage: Self.storage(), capacity: 0)
        #expect(table.cached(jid) == nil)
        let record = try #require(try await table.load(jid))
        #expect(try await table.load(jid) === record)
        let full = try #require(jid.with(resource: "home"))
        #expect(table.cached(full) === record)
        let nobody = try #require(JID("nobody@example.org"))
        #expect(try await table.load(nobody) == nil)
    }

    @Test("Look-ups side by side find the same record")
    func sideBySide() async throws {
        let gate = Gate()
        let storage = Self.storage { _ in await gate.opened() }
        let table = AccountTable(storage: storage, capacity: 0)
        let records = try await withThrowingTaskGroup(of: AccountRecord?.self) { [jid] tasks in
            for _ in 0..<50 { tasks.addTask { try await table.load(jid) } }
            while storage.reads < 50 { await Task.yield() }
            gate.open()
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(records.map { $0.map(ObjectIdentifier.init) }).count == 1)
    }

    @Test("A full shard lets go of records that nobody uses, and of no others")
    func eviction() async throws {
        let table = AccountTable(storage: Self.storage(), capacity: 0)
        let used = try await table.load(Self.neighbours[3])
        try await load(table, Self.neighbours[..<16])
        #expect(table.cached(jid) != nil)
        try await load(table, Self.neighbours[16..<17])
        #expect(table.cached(jid) == nil)
        #expect(table.cached(Self.neighbours[3]) === used)
        #expect(table.cached(Self.neighbours[16]) != nil)
        withExtendedLifetime(used) {}
    }

    @Test("A record stays until what was changed in it can be read back")
    func pendingCommit() async throws {
        let storage = Self.storage()
        let table = AccountTable(storage: storage, capacity: 0)
        storage.holdCommits()
        let contact = try #require(JID("juliet@example.org"))
        try await table.load(jid)?.updateRoster(contact) { _ in RosterItem(jid: contact, name: "J", isListed: true) }
        try await load(table, Self.neighbours[1..<30])
        #expect(table.cached(jid)?.rosterItem(contact)?.name == "J")
        storage.release()
        try await load(table, Self.neighbours[1..<40])
        #expect(table.cached(jid) == nil)
        #expect(try await table.load(jid)?.rosterItem(contact)?.name == "J")
    }

    @Test("What was read before a record was changed and let go is read again")
    func staleRoster() async throws {
        let gate = Gate()
        let storage = Self.storage { if $0 == 1 { await gate.opened() } }
        let table = AccountTable(storage: storage, capacity: 0)
        async let slow = table.load(jid)
        while storage.reads < 1 { await Task.yield() }

        let contact = try #require(JID("juliet@example.org"))
        let item = RosterItem(jid: contact, name: "J", isListed: true)
        await withCheckedContinuation { continuation in
            Task { [jid] in
                try await table.load(jid)?.updateRoster(contact, then: { _ in continuation.resume() }) { _ in item }
            }
        }
        while table.cached(jid) != nil { try await load(table, Self.neighbours[1...]) }

        gate.open()
        #expect(try await slow?.rosterItem(contact) == item)
    }

    @Test("An account that is changed or removed while it is read is read again")
    func staleAccount() async throws {
        for isRemoved in [false, true] {
            let gate = Gate()
            let storage = Self.storage { if $0 == 1 { await gate.opened() } }
            let table = AccountTable(storage: storage, capacity: 0)
            async let slow = table.load(jid)
            while storage.reads < 1 { await Task.yield() }
            if isRemoved {
                try await storage.commit([.removeAccount(jid)])
                table.remove(jid)
            } else {
                _ = try await table.load(jid)?.update(AccountUpdate(keepsHistory: false))
                while table.cached(jid) != nil { try await load(table, Self.neighbours[1...]) }
            }
            gate.open()
            let record = try await slow
            #expect(record?.keepsHistory == (isRemoved ? nil : false))
        }
    }

    @Test("A record shows changes in the order of their commits, and none before")
    func changesOfARecordInUse() async throws {
        let storage = Self.storage()
        let table = AccountTable(storage: storage, capacity: 0)
        let record = try #require(try await table.load(jid))
        storage.holdCommits()
        let names = ["Mary", "Mary Ann"]
        var changes: [Task<Account, any Error>] = []
        for (index, name) in names.enumerated() {
            changes.append(Task { try await record.update(AccountUpdate(displayName: name)) })
            while storage.submitted.count <= index { await Task.yield() }
        }
        changes.append(Task { try await record.update(AccountUpdate(keepsHistory: false)) })
        while storage.submitted.count < 3 { await Task.yield() }
        #expect(record.account.displayName.isEmpty && record.keepsHistory)
        storage.release()
        #expect(try await changes[0].value.displayName == names[0])
        #expect(try await changes[1].value.displayName == names[1])
        #expect(try await changes[2].value.keepsHistory == false)
        #expect(record.account.displayName == names[1] && !record.keepsHistory)
        #expect(try await storage.account(jid) == record.account)
    }
}
