import Testing
import XMPPServer

@testable import TestKit

/// A change that could not be stored is undone, and its sender is told.
@Suite(.timeLimit(.minutes(5))) struct FailedCommitTests {
    private static let script = Result {
        try Script(name: "failed commits", text: "host localhost standard\ncontacts romeo juliet\n")
    }

    private static let roster = "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>"

    /// What a client is shown as its contacts.
    private func contacts(_ client: ScriptedClient) async throws -> Set<String> {
        try await client.send(Self.roster)
        while case .element(let element) = try await client.next() {
            guard element["id"] == "r" else { continue }
            return Set(element.firstChild?.children.compactMap { $0["jid"] } ?? [])
        }
        return []
    }

    @Test(arguments: ["subscribe", "subscribed", "unsubscribe", "unsubscribed"])
    func subscriptions(_ type: String) async throws {
        let server = try await TestServer(Self.script.get().configuration)
        let talk = Conversation(try Self.script.get(), server)
        try await talk.setUp()
        let contact = type.hasPrefix("un") ? "juliet@localhost" : "tybalt@localhost"
        try await talk.signIn("romeo", "pc", isOnline: true, nil)
        let romeo = try talk.client("romeo")
        let before = try await contacts(romeo)
        let subscription = try subscription(server, contact)
        server.storage.failCommits()
        try await romeo.send("<presence type='\(type)' to='\(contact)' id='p'/>")
        // The change is pushed, refused with one error, and taken back by a push.
        var (errors, pushes) = (0, 0)
        while errors < 1 || pushes < 2, case .element(let element) = try await romeo.next() {
            if element["id"] == "p", element["type"] == "error" { errors += 1 }
            if element.hasName("iq"), element["type"] == "set" { pushes += 1 }
        }
        server.storage.recover()
        try await talk.settle()
        #expect(!romeo.pending.contains { "\($0)".contains("id=\"p\"") })
        #expect(try self.subscription(server, contact) == subscription)
        #expect(try await contacts(romeo) == before)
        // The version of the list without it could not be stored, either. It is made up for behind the next change, so that
        // no client has a version of the store's with what was not stored.
        let record = try romeoRecord(server)
        let version = record.withRoster { $0.version }
        try await romeo.send(
            "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@localhost'/></query></iq>")
        var pushed: String?
        while case .element(let element) = try await romeo.next(), element["id"] != "s" || pushed == nil {
            pushed = element.child("query", .roster)?["ver"] ?? pushed
        }
        var stored = try await server.storage.roster(of: record.jid)
        while [version, pushed].contains(stored.version) {
            try await romeo.ping()
            stored = try await server.storage.roster(of: record.jid)
        }
        #expect(stored.version == record.withRoster { $0.version })
        #expect(Set(stored.items.map(\.jid.string)) == before.union(["nurse@localhost"]))
        await talk.tearDown()
    }

    private func subscription(_ server: TestServer, _ contact: String) throws -> SubscriptionState? {
        let contact = try #require(JID(contact))
        return try romeoRecord(server).rosterItem(contact)?.state
    }

    private func romeoRecord(_ server: TestServer) throws -> AccountRecord {
        let romeo = try #require(JID("romeo@localhost"))
        return try #require(server.server.hosts.cachedAccount(romeo))
    }
}
