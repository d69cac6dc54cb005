import SQLiteStorage
import TestKit
import Testing
import XMPP

@testable import XMPPServer

/// What was under way for an account that is removed, and who gets its name after it.
@Suite(.timeLimit(.minutes(10))) struct NextOwnerTests {
    /// A message that juliet sends to romeo, who is away, waits while one of the two is removed and added anew.
    @Test(arguments: ["romeo", "juliet"])
    func nothingIsInherited(_ name: String) async throws {
        let server = try await TestServer(settings: "limits: {request-time: 60 s}", modules: [WaitingModule.self])
        let administration = Administration(server.server)
        let jid = try #require(JID("\(name)@example.org"))
        let gate = "next owner of \(name)"
        let juliet = try await server.session("juliet")
        try await juliet.send(
            "<message gate='\(gate)' id='1' type='chat' to='romeo@example.org'><body>Private</body></message>")
        // Until it has its id in the recipient's archive.
        let romeo = try #require(JID("romeo@example.org"))
        let (ids, nobody) = (try server.host().archiveIDs, try #require(JID("nobody@example.org")))
        while ids.frontier(of: romeo) >= ids.frontier(of: nobody) { await Task.yield() }

        try await administration.remove(AccountName(jid.string))
        let added = NewAccount(name: jid.string, password: "other")
        do {
            _ = try await administration.add(added)
            Issue.record("the name is taken while the message waits")
        } catch let error as AdministrationError {
            #expect(error.description.contains("try again"))
        }
        async let adding = administration.add(added)
        WaitingModule.gate(gate).open()
        await server.server.router.settled()
        await server.storage.flush()
        #expect(try await adding.jid == jid.string)

        for collection in [ArchiveEntry.archive, ArchiveEntry.offline] {
            let query = ArchiveQuery(collection: collection, owner: jid, limit: 9)
            #expect(try await server.storage.archived(query).isEmpty)
        }
        await server.stop()
    }

    /// Nothing is under way: the sessions that were there have ended, and the name is free at once.
    @Test func aNameIsFreeWhenItsSessionsHaveEnded() async throws {
        let server = try await TestServer()
        let administration = Administration(server.server)
        let clients = [try await server.session("romeo"), try await server.session("romeo")]
        for client in clients { try await client.send("<presence/>") }
        for client in clients { _ = try await client.ping() }
        try await administration.remove(AccountName("romeo@example.org"))
        for client in clients { #expect(await client.readToEnd().contains("not-authorized")) }
        let added = NewAccount(name: "romeo@example.org", password: "other")
        _ = try await administration.add(added)
        await server.stop()
    }
}
