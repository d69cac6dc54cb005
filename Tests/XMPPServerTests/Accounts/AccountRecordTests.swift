import Testing
import XMPP

@testable import XMPPServer

@Suite("Changes of a roster", .timeLimit(.minutes(10))) struct AccountRecordTests {
    private let storage = FakeStorage(accounts: ["romeo@example.org"])

    private func record() async throws -> AccountRecord {
        let table = AccountTable(storage: storage, capacity: 0)
        let jid = try #require(JID("romeo@example.org"))
        return try #require(try await table.load(jid))
    }

    private func contact(_ number: Int = 0) throws -> JID { try #require(JID("contact\(number)@example.org")) }

    @Test func adding() async throws {
        let record = try await record()
        let contact = try contact()
        let item = RosterItem(jid: contact, name: "Juliet", isListed: true)
        let full = try #require(contact.with(resource: "balcony"))
        let change = try #require(record.updateRoster(full) { $0 == nil ? item : nil })
        #expect(change.jid == contact)
        #expect(change.former == nil)
        #expect(change.item == item)
        #expect(record.rosterItem(full) == item)
        #expect(record.withRoster { $0.version } == change.version)
        #expect(storage.submitted.count == 1)
    }

    @Test("A change that changes nothing is none, and is reported as done")
    func noChange() async throws {
        let record = try await record()
        let contact = try contact()
        await withCheckedContinuation { continuation in
            let change = record.updateRoster(contact, then: { _ in continuation.resume() }) { $0 }
            #expect(change == nil)
        }
        #expect(storage.submitted.isEmpty)
        #expect(record.withRoster { $0.version } == "0")
    }

    @Test func removing() async throws {
        let record = try await record()
        let contact = try contact()
        let item = RosterItem(jid: contact, isListed: true)
        let first = try #require(record.updateRoster(contact) { _ in item })
        let second = try #require(record.updateRoster(contact) { _ in nil })
        #expect(second.former == item)
        #expect(second.item == nil)
        #expect(first.version != second.version)
        #expect(record.rosterItem(contact) == nil)
        #expect(record.withRoster { $0.count } == 0)
    }

    @Test("Changes reach the storage in the order in which they were made")
    func order() async throws {
        let record = try await record()
        await withTaskGroup(of: Void.self) { tasks in
            for number in 0..<200 {
                tasks.addTask {
                    guard let contact = JID("contact\(number % 5)@example.org") else { return }
                    record.updateRoster(contact) { former in
                        var item = former ?? RosterItem(jid: contact, isListed: true)
                        item.groups.append("\(number)")
                        return item
                    }
                }
            }
        }
        var items: [JID: RosterItem] = [:]
        var version: String?
        for group in storage.submitted {
            for change in group {
                switch change {
                case .putRosterItem(_, let item):
                    // Each builds on the one before it.
                    #expect(item.groups.dropLast() == (items[item.jid]?.groups ?? [])[...])
                    items[item.jid] = item
                case .setRosterVersion(_, let new):
                    version = new
                default:
                    Issue.record("unexpected change")
                }
            }
        }
        #expect(storage.submitted.count == 200)
        #expect(items.values.reduce(0) { $0 + $1.groups.count } == 200)
        #expect(record.withRoster { $0.version } == version)
        for (jid, item) in items { #expect(record.rosterItem(jid) == item) }
    }

    @Test func workIsDoneByOneAtATime() async throws {
        let record = try await record()
        let work = AccountRecord.Work("x")
        #expect(record.begin(work))
        #expect(!record.begin(work))
        #expect(record.begin(AccountRecord.Work("y")))
        // It was asked for a second time: it has to be done once more.
        #expect(!record.end(work))
        #expect(record.end(work))
        #expect(record.begin(work))
    }
}
