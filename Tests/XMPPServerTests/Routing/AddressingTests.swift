import SQLiteStorage
import Testing
import XMPP

@testable import XMPPServer

@Suite("Where stanzas go, and as whose", .timeLimit(.minutes(10))) struct AddressingTests {
    private static let errors: [(String, String)] = [
        ("<message type='chat' to='nobody@example.org' id='1'><body>x</body></message>", "service-unavailable"),
        ("<message type='chat' to='a@elsewhere.example' id='1'><body>x</body></message>", "remote-server-not-found"),
        ("<message type='chat' to='@@' id='1'><body>x</body></message>", "jid-malformed"),
        ("<message type='chat' to='example.org' id='1'><body>x</body></message>", "service-unavailable"),
        ("<presence type='dance' id='1'/>", "bad-request"),
        ("<iq type='dance' id='1'><x xmlns='urn:x'/></iq>", "bad-request"),
        ("<iq type='get' id='1'/>", "bad-request"),
        ("<iq type='get' id='1'><x xmlns='urn:x'/><y xmlns='urn:x'/></iq>", "bad-request"),
        ("<iq type='get' id='1'><x xmlns='urn:x'/></iq>", "service-unavailable"),
        ("<iq type='get' id='1' to='example.org'><x xmlns='urn:x'/></iq>", "service-unavailable"),
        ("<iq type='get' id='1' to='juliet@example.org'><x xmlns='urn:x'/></iq>", "service-unavailable"),
        ("<iq type='get' id='1' to='juliet@example.org/none'><x xmlns='urn:x'/></iq>", "service-unavailable"),
        ("<iq type='get' id='1' to='a@elsewhere.example'><x xmlns='urn:x'/></iq>", "remote-server-not-found"),
        ("<iq type='get' id='1' to='a@b@c'><x xmlns='urn:x'/></iq>", "jid-malformed"),
    ]

    @Test("Whoever cannot be reached: the sender is told")
    func refused() async throws {
        let server = try await TestServer()
        let romeo = try await server.session("romeo", resource: "r")
        for (stanza, condition) in Self.errors {
            try await romeo.send(stanza)
            let answer = try await romeo.read(until: "</error>")
            #expect(answer.contains("<\(condition) xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\" />"), "\(stanza)")
            #expect(answer.contains("id=\"1\""))
            #expect(answer.contains("to=\"romeo@example.org/r\""))
        }
        await server.stop()
    }

    @Test(
        "Errors and results are never answered with errors",
        arguments: [
            "<message type='error' to='nobody@example.org' id='1'/>", "<message type='error' to='@@' id='1'/>",
            "<message type='error' to='a@elsewhere.example' id='1'/>", "<presence type='error' to='@@' id='1'/>",
            "<iq type='result' to='juliet@example.org/none' id='1'/>", "<iq type='error' to='@@' id='1'/>",
            "<iq type='result' id='1'/>", "<iq type='result' to='a@elsewhere.example/x' id='1'/>",
        ])
    func noLoops(_ stanza: String) async throws {
        let server = try await TestServer()
        let romeo = try await server.session("romeo")
        try await romeo.send(stanza)
        let output = try await romeo.ping()
        #expect(!output.contains("id=\"1\""))
        await server.stop()
    }

    @Test(
        "A stanza is its session's, whatever it claims",
        arguments: [
            "juliet@example.org/x", "romeo@example.org", "example.org", "@@", "",
        ])
    func sender(_ claimed: String) async throws {
        let server = try await TestServer()
        let romeo = try await server.session("romeo", resource: "r")
        let juliet = try await server.session("juliet", resource: "j")
        try await romeo.send(
            "<message from='\(claimed)' type='chat' to='juliet@example.org/j' id='1'><body>x</body></message>")
        let message = try await juliet.read(until: "</message>")
        #expect(message.contains("from=\"romeo@example.org/r\""))
        #expect(!message.contains("from=\"\(claimed)\""))
        await server.stop()
    }

    @Test("What is no stanza ends the stream")
    func unknownElement() async throws {
        let server = try await TestServer()
        for element in ["<x/>", "<x xmlns='urn:x'/>", "<message xmlns='jabber:server'/>"] {
            let romeo = try await server.session("romeo")
            try await romeo.send(element)
            #expect(try await romeo.read(until: "</stream:stream>").contains("<unsupported-stanza-type "))
        }
        await server.stop()
    }

    @Test("A message to a session that has just gone reaches another one, or is kept")
    func goneSession() async throws {
        let server = try await TestServer()
        let romeo = try await server.session("romeo")
        for _ in 0..<10 {
            let juliet = try await server.session("juliet", resource: "j")
            try await juliet.send("<presence/>")
            _ = try await juliet.ping()
            async let gone: Void = juliet.send("</stream:stream>")
            try await romeo.send("<message type='chat' to='juliet@example.org/j' id='m'><body>x</body></message>")
            try await gone
            let received = await juliet.readToEnd().contains("id=\"m\"")
            let owner = try #require(JID("juliet@example.org"))
            var kept: [ArchiveEntry] = []
            _ = try await romeo.ping()
            if !received {
                // It was on its way to the store when the answer to the ping was sent, at the latest.
                while kept.isEmpty {
                    kept = try await server.storage.archived(
                        ArchiveQuery(collection: ArchiveEntry.offline, owner: owner, limit: .max))
                }
            }
            try await server.storage.commit([
                .removeArchived(ArchiveQuery(collection: ArchiveEntry.offline, owner: owner))
            ])
        }
        await server.stop()
    }
}
