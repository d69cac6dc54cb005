import TestKit
import Testing
import XMPP
import XMPPModules

@testable import XMPPServer

@Suite("What stanzas wait for", .timeLimit(.minutes(10))) struct WaitTests {
    private static let error = "<resource-constraint xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\" />"

    private func server(_ log: LogRecorder = LogRecorder(), requestTime: String = "1 s") async throws -> TestServer {
        try await TestServer(
            settings: "limits: {request-time: \(requestTime)}", modules: [WaitingModule.self], logger: log.logger)
    }

    private func message(_ gate: String, to address: String = "juliet@example.org") -> String {
        "<message gate='\(gate)' id='\(gate)' type='chat' to='\(address)'><body>\(gate)</body></message>"
    }

    @Test("A wait that does not end is ended: the sender gets an error, the reason is logged, and the stream goes on")
    func deadline() async throws {
        let log = LogRecorder()
        let server = try await server(log)
        let client = try await server.session("romeo")
        try await client.send(message("never") + "<message id='m2' to='juliet@example.org/x'/>")
        let received = try await client.read(until: "id=\"m2\"")
        #expect(received.contains("id=\"never\"") && received.contains(Self.error))
        let line = try #require(log.lines.first { $0.contains("waited too long") })
        #expect(line.hasPrefix("warning") && line.contains("test-waiting") && line.contains("romeo@example.org"))
        // What the wait would have brought is not taken any more.
        WaitingModule.gate("never").open()
        #expect(try await !client.ping().contains("id=\"never\""))
        await server.stop()
    }

    @Test("Nothing behind a message is handled before that one's changes are submitted, if its sender counts")
    func submission() async throws {
        let server = try await server(requestTime: "60 s")
        let romeo = try await server.session("romeo")
        let juliet = try await server.session("juliet", resource: "balcony")
        try await romeo.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        _ = try await romeo.read(until: "<enabled")
        let rest = "type='chat' to='juliet@example.org/balcony'><body>x</body></message>"
        try await romeo.send("<message keep='submission' \(rest)<message \(rest)<r xmlns='urn:xmpp:sm:3'/>")
        #expect(try await !juliet.ping().contains("<message"))
        WaitingModule.gate("submission").open()
        _ = try await juliet.read(until: "<message")
        _ = try await romeo.read(until: "h=\"2\"")
        await server.stop()
    }

    /// `to` a session the request waits in both halves.
    private func request(_ gate: String, to address: String, id: String) -> String {
        "<iq type='get' gate='\(gate)' id='\(id)' to='\(address)'><vCard xmlns='vcard-temp'/></iq>"
    }

    @Test(
        "Requests wait on their way to a session, and what follows them waits as well",
        arguments: ["iqFromClient", "iqToSession"])
    func requests(_ point: String) async throws {
        let server = try await server(requestTime: "60 s")
        let romeo = try await server.session("romeo")
        let juliet = try await server.session("juliet", resource: "balcony")
        try await romeo.send(
            request("\(point)@\(point)", to: "juliet@example.org/balcony", id: "q1")
                + "<message id='m1' type='chat' to='juliet@example.org/balcony'><body>x</body></message>")
        // Nothing has come when the other one's own is answered.
        #expect(try await !juliet.ping().contains("id=\"m1\""))
        WaitingModule.gate(point).open()
        let received = try await juliet.read(until: "id=\"m1\"")
        #expect(received.contains("id=\"q1\""))
        try await romeo.send(request("no-\(point)@\(point)", to: "juliet@example.org/balcony", id: "q2"))
        WaitingModule.gate("no-\(point)").open()
        #expect(try await romeo.read(until: "id=\"q2\"").contains("type=\"error\""))
        #expect(try await !juliet.ping().contains("id=\"q2\""))
        await server.stop()
    }

    @Test("A request that a host answers for an account waits alone", arguments: [true, false])
    func requestsToAccounts(isOnline: Bool) async throws {
        let server = try await server(requestTime: "60 s")
        let romeo = try await server.session("romeo")
        let juliet = isOnline ? try await server.session("juliet", resource: "balcony") : nil
        let gate = "account-\(isOnline)"
        try await romeo.send(request("\(gate)@iqToAccount", to: "juliet@example.org", id: "q1"))
        #expect(try await !romeo.ping().contains("id=\"q1\""))
        WaitingModule.gate(gate).open()
        #expect(try await romeo.read(until: "id=\"q1\"").contains("q1"))
        try await romeo.send(request("no-\(gate)@iqToAccount", to: "juliet@example.org", id: "q2"))
        WaitingModule.gate("no-\(gate)").open()
        #expect(try await romeo.read(until: "not-allowed").contains("id=\"q2\""))
        withExtendedLifetime(juliet) {}
        await server.stop()
    }

    @Test("While a message waits its owners' archives end before it, and other archives show all")
    func frontier() async throws {
        let server = try await server(requestTime: "60 s")
        let romeo = try await server.session("romeo", resource: "orchard")
        let notes = try await server.session("juliet", resource: "notes")
        let juliet = try await server.session("juliet", resource: "balcony")
        try await romeo.send(message("frontier", to: "romeo@example.org"))
        // It has its id when what its sender does next is held.
        try await held(romeo, server)
        // Others read on.
        try await notes.send("<message id='n1' type='chat' to='juliet@example.org'><body>x</body></message>")
        _ = try await notes.ping()
        #expect(try await archive(juliet, "q1") == ["n1"])
        // What has come to the same archive meanwhile is shown behind what waits, and not before.
        try await juliet.send("<message id='n2' type='chat' to='romeo@example.org'><body>x</body></message>")
        _ = try await juliet.ping()
        let phone = try await server.session("romeo", resource: "phone")
        #expect(try await archive(phone, "q2") == [])
        WaitingModule.gate("frontier").open()
        _ = try await romeo.ping()
        #expect(try await archive(phone, "q3") == ["frontier", "n2"])
        await server.stop()
    }

    /// Waits until the session's stream is held.
    private func held(_ client: TestClient, _ server: TestServer) async throws {
        let romeo = try #require(JID("romeo@example.org"))
        let generator = try server.host().archiveIDs
        let juliet = try #require(JID("juliet@example.org"))
        while generator.frontier(of: romeo) >= generator.frontier(of: juliet) { await Task.yield() }
    }

    /// The ids of all messages in the client's archive.
    private func archive(_ client: TestClient, _ id: String) async throws -> [String] {
        try await client.send("<iq type='set' id='\(id)'><query xmlns='urn:xmpp:mam:2'/></iq>")
        let answer = try await client.read(until: "<fin")
        return answer.matches(of: /<message [^>]*id="([^"]*)"[^>]*><body>/).map { String($0.1) }
    }
}
