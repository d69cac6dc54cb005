import Testing
import XMPP

@testable import XMPPServer

@Suite("Binding resources", .timeLimit(.minutes(10))) struct BindingTests {
    private func signedIn(_ server: TestServer) async throws -> TestClient {
        let client = try await server.connect(tls: TestClient.TLS(name: "example.org"))
        _ = try await client.open()
        try await client.authenticate("romeo", "secret")
        try await client.read(until: "<success")
        _ = try await client.open()
        return client
    }

    @Test("A taken resource: the old session stays, the new one gets another")
    func keepOld() async throws {
        let server = try await TestServer(settings: "streams: {resource-conflict: keep-old}")
        let old = try await server.session("romeo", resource: "home")
        let new = try await signedIn(server)
        let jid = try await new.bind("home")
        #expect(jid.hasPrefix("romeo@example.org/"))
        #expect(jid != "romeo@example.org/home")
        #expect(try await old.ping().contains("to=\"romeo@example.org/home\""))
        #expect(try await new.ping().contains("to=\"\(jid)\""))
        await server.stop()
    }

    @Test("A taken resource: the old session ends, the new one takes its place")
    func replaceOld() async throws {
        let server = try await TestServer(settings: "streams: {resource-conflict: replace-old}")
        let old = try await server.session("romeo", resource: "home")
        try await old.send("<presence/>")
        _ = try await old.ping()
        let new = try await server.session("romeo", resource: "home")
        #expect(try await old.read(until: "</stream:stream>").contains("<conflict "))
        #expect(try await new.ping().contains("to=\"romeo@example.org/home\""))
        let romeo = try #require(JID("romeo@example.org"))
        let sessions = try server.host().accounts.cached(romeo)?.sessions
        #expect(sessions?.map(\.jid.string) == ["romeo@example.org/home"])
        await server.stop()
    }

    @Test("A session that was replaced and ends late does not take back what the new one has announced")
    func replacedEndsLate() async throws {
        let server = try await TestServer()
        let address = try #require(JID("romeo@example.org"))
        let watching = try await server.session("romeo", resource: "desk")
        try await watching.send("<presence/>")
        let old = try await server.session("romeo", resource: "home")
        try await old.send("<presence/>")
        let record = try #require(try await server.host().accounts.load(address))
        let replaced = try #require(record.session("home"))
        _ = try await old.ping()
        // What a replacement does first; what the session leaves takes its time.
        record.remove(replaced)
        let new = try await server.session("romeo", resource: "home")
        try await new.send("<presence><status>new</status></presence>")
        _ = try await watching.read(until: "<status>new</status></presence>")
        replaced.end(.conflict)
        #expect(await old.readToEnd().contains("<conflict "))
        _ = try await new.ping()
        #expect(try await !watching.ping().contains("unavailable"))
        // At the end of the new one they are told.
        try await new.send("</stream:stream>")
        #expect(try await watching.read(until: "type=\"unavailable\" />").contains("romeo@example.org/home"))
        await server.stop()
    }

    @Test func sessionsPerAccount() async throws {
        let server = try await TestServer(settings: "limits: {sessions-per-account: 2}")
        let first = try await server.session("romeo")
        let second = try await server.session("romeo")
        #expect(try await server.session("juliet").ping().contains("result"))
        let third = try await signedIn(server)
        let error = await #expect(throws: TestClient.Ended.self) { try await third.bind("x") }
        #expect(error?.received.contains("<error type=\"wait\"><resource-constraint ") == true)
        try await first.send("</stream:stream>")
        #expect(await first.readToEnd() == "</stream:stream>")
        #expect(try await third.bind("x") == "romeo@example.org/x")
        #expect(try await second.ping().contains("result"))
        await server.stop()
    }

    @Test func resources() async throws {
        let server = try await TestServer(settings: "limits: {resource-length: 20}")
        let client = try await signedIn(server)
        for bad in [String(repeating: "x", count: 21), "tab\there", "\u{FFFD}\u{2028}"] {
            let error = await #expect(throws: TestClient.Ended.self) { try await client.bind(bad) }
            #expect(error?.received.contains("<bad-request ") == true)
        }
        #expect(try await client.bind("Küche") == "romeo@example.org/Küche")

        var names: Set<String> = []
        for _ in 0..<5 { names.insert(try await signedIn(server).bind(nil)) }
        #expect(names.count == 5)
        #expect(names.allSatisfy { $0.utf8.count >= "romeo@example.org/".utf8.count + 12 })
        await server.stop()
    }

    @Test("An account that is removed loses its sessions, and gets no new one")
    func removedAccount() async throws {
        let server = try await TestServer()
        let session = try await server.session("romeo")
        let waiting = try await signedIn(server)
        let romeo = try #require(JID("romeo@example.org"))
        guard case .success = try await server.host().remove(romeo) else {
            Issue.record("not removed")
            return
        }
        try await session.read(until: "<not-authorized xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\" />")
        let error = await #expect(throws: TestClient.Ended.self) { try await waiting.bind(nil) }
        #expect(error?.received.contains("<not-authorized xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\" />") == true)
        await server.stop()
    }
}
