import NIOPosix
import SQLiteStorage
import TestKit
import Testing
import XMPP

@testable import XMPPServer

/// Changes of different settings of one account, made at the same time.
@Suite struct ConcurrentChangeTests {
    private static let name = AccountName("romeo@example.org")

    /// One change each of the settings that there are, all of them different in each round.
    private static func changes(_ round: Int) -> [AccountChanges] {
        [
            AccountChanges(accountID: "romeo\(round)@contoso.example"),
            AccountChanges(displayName: "Romeo \(round)"),
            AccountChanges(personalMessage: "Round \(round)"),
            AccountChanges(keepsHistory: round % 2 == 1),
            AccountChanges(isAdministrator: round % 2 == 0),
        ]
    }

    private static func account(_ jid: JID, _ round: Int, _ createdAt: Timestamp) -> Account {
        Account(
            jid: jid, accountID: "romeo\(round)@contoso.example", displayName: "Romeo \(round)",
            personalMessage: "Round \(round)", keepsHistory: round % 2 == 1, isAdministrator: round % 2 == 0,
            createdAt: createdAt)
    }

    /// Makes them at once, and expects none to have undone another.
    private static func change(_ round: Int, by administration: Administration) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for changes in changes(round) {
                tasks.addTask {
                    _ = try await administration.change(name, changes)
                }
            }
            try await tasks.waitForAll()
        }
    }

    @Test func noneIsLostOnARunningServer() async throws {
        let server = try await TestServer()
        let administration = Administration(server.server)
        let jid = try #require(JID("romeo@example.org"))
        let host = try #require(server.server.hosts["example.org"])
        let record = try #require(try await host.accounts.load(jid))
        for round in 0..<60 {
            try await Self.change(round, by: administration)
            let expected = Self.account(jid, round, record.account.createdAt)
            #expect(try await server.storage.account(jid) == expected)
            #expect(record.account == expected)
        }
        await server.stop()
    }

    @Test func noneIsLostInABareStore() async throws {
        let store = try await BareStore(hosts: ["example.org": "standard"])
        let added = try await store.add(NewAccount(name: Self.name.name))
        let jid = try #require(JID(added.jid))
        for round in 0..<60 {
            try await Self.change(round, by: store.administration)
            #expect(try await store.storage.account(jid) == Self.account(jid, round, BareStore.now))
        }
    }

    /// XEP-0136: each request changes a part of what is stored as a whole.
    @Test func noneIsLostOfTwoClientsOnTwoLoops() async throws {
        let server = try await TestServer(moduleSettings: "message-archiving: {complete: on}")
        let jid = try #require(JID("romeo@example.org"))
        var clients: [TestClient] = []
        var loops: Set<ObjectIdentifier> = []
        while loops.count < 2 {
            let resource = "\(clients.count)"
            clients.append(try await server.session(resource: resource))
            let session = try #require(server.host().accounts.cached(jid)?.session(resource))
            loops.insert(ObjectIdentifier(session.loop))
            // Clients and server take the loops of one group in turn.
            _ = TestServer.group.next()
        }
        let count = 400 / clients.count
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for (index, client) in clients.enumerated() {
                tasks.addTask {
                    let requests = (0..<count).map { number in
                        "<iq type='set' id='\(number)'><pref xmlns='urn:xmpp:archive'>"
                            + "<item jid='\(index)-\(number)@example.org' save='false' otr='require'/></pref></iq>"
                    }
                    try await client.send(requests.joined())
                    for _ in 0..<count { try await client.read(until: "type=\"result\"") }
                }
            }
            try await tasks.waitForAll()
        }
        let stored = try #require(try await server.storage.value("archive-preferences", jid, key: ""))
        #expect(String(decoding: stored, as: UTF8.self).split(separator: "<jid>").count - 1 == clients.count * count)
        await server.stop()
    }
}
