import SQLiteStorage
import NIOPosix
import Testing
import XMPP

@testable import XMPPServer

@Suite("The order of stanzas", .timeLimit(.minutes(10))) struct OrderTests {
    private func message(_ id: Int, to: String, _ more: String = "") -> String {
        "<message type='chat' id='\(id)' to='\(to)' \(more)><body>x</body></message>"
    }

    /// Two sessions whose streams are on different loops, and the resource of the second.
    private func pair(_ server: TestServer) async throws -> (TestClient, TestClient, String) {
        let host = try server.host()
        let romeo = try await server.session("romeo", resource: "r")
        let first = host.accounts.cached(try #require(JID("romeo@example.org")))?.session("r")
        var number = 0
        while true {
            let juliet = try await server.session("juliet", resource: "j\(number)")
            let record = host.accounts.cached(try #require(JID("juliet@example.org")))
            if record?.session("j\(number)")?.loop !== first?.loop { return (romeo, juliet, "j\(number)") }
            number += 1
            // Loops take turns, and each connection takes two, one for either end: alone, all would be on the same.
            _ = TestServer.group.next()
        }
    }

    @Test("Messages and presence to a session of another loop arrive as they were sent")
    func acrossLoops() async throws {
        let server = try await TestServer(settings: "limits: {rate: {stanzas-per-second: 0, bytes-per-second: 0}}")
        let (romeo, juliet, resource) = try await pair(server)
        let address = "juliet@example.org/\(resource)"
        let text = (0..<1_000).map { number in
            switch number % 3 {
            case 0: "<presence id='\(number)' to='\(address)'/>"
            case 1: message(number, to: address)
            default: "<iq type='get' id='\(number)' to='\(address)'><x xmlns='urn:x'/></iq>"
            }
        }
        try await romeo.send(text.joined() + message(1_000, to: address))
        let output = try await juliet.read(until: "id=\"1000\"")
        let ids = output.matches(of: /<(?:message|presence|iq) [^>]*id="(\d+)"/).compactMap { Int($0.output.1) }
        #expect(ids == Array(0..<1_000) || ids == Array(0...1_000))
        await server.stop()
    }

    @Test("What waits is not overtaken by what its sender sent behind it")
    func waits() async throws {
        let server = try await TestServer(modules: [WaitingModule.self])
        let romeo = try await server.session("romeo")
        let juliet = try await server.session("juliet", resource: "j")
        let text = (0..<60).map { message($0, to: "juliet@example.org/j", "wait='\($0 % 4)'") }
        try await romeo.send(text.joined() + message(60, to: "juliet@example.org/j"))
        let output = try await juliet.read(until: "id=\"60\"")
        let ids = output.matches(of: /<message [^>]*id="(\d+)"/).compactMap { Int($0.output.1) }
        #expect(ids == Array(0...60))
        await server.stop()
    }

    @Test("A message for somebody who is away is kept before its sender's next stanza is handled")
    func keptFirst() async throws {
        let server = try await TestServer(modules: [WaitingModule.self])
        let romeo = try await server.session("romeo")
        for number in 0..<20 {
            try await romeo.send(message(number, to: "juliet@example.org", "wait='\(number % 3)'"))
            _ = try await romeo.ping("p\(number)")
            let juliet = try #require(JID("juliet@example.org"))
            let kept = try await server.storage.archived(
                ArchiveQuery(collection: ArchiveEntry.offline, owner: juliet, limit: .max))
            #expect(kept.count == number + 1)
        }
        await server.stop()
    }

    private enum Farewell: CaseIterable {
        case closingTag, endOfTLS, endOfConnection
    }

    @Test(
        "What was sent before its sender left is handled, however it left and however fast it was sent",
        arguments: [
            Farewell.closingTag, .endOfTLS, .endOfConnection,
        ])
    private func leaving(_ farewell: Farewell) async throws {
        let server = try await TestServer(
            settings: "authentication: {mechanisms: [PLAIN], require-tls: false}, "
                + "limits: {rate: {stanzas-per-second: 10, stanza-burst: 20}}")
        let romeo = try await server.connect(tls: farewell == .endOfTLS ? TestClient.TLS(name: "example.org") : nil)
        try await romeo.signIn("romeo")
        // Not one after the other: only as long as the burst lasts they are handled at once.
        let count = farewell == .closingTag ? 25 : 200
        let text = (0..<count).map { message($0, to: "juliet@example.org") }.joined()
        try await romeo.send(text + (farewell == .closingTag ? "</stream:stream>" : ""))
        if farewell != .closingTag { try await romeo.close() }
        let juliet = try #require(JID("juliet@example.org"))
        var kept = 0
        while kept < count {
            kept = try await server.storage.archivedCount(
                ArchiveQuery(collection: ArchiveEntry.offline, owner: juliet))
        }
        await server.stop()
    }

    @Test("Messages that were sent while their recipient came are delivered or kept, each once")
    func coming() async throws {
        let server = try await TestServer(settings: "limits: {rate: {stanzas-per-second: 0, bytes-per-second: 0}}")
        let romeo = try await server.session("romeo")
        async let sending: Void = romeo.send((0..<200).map { message($0, to: "juliet@example.org") }.joined())
        let juliet = try await server.session("juliet")
        try await juliet.send("<presence/>")
        try await sending
        _ = try await romeo.ping()
        try await romeo.send(message(1_000, to: "juliet@example.org"))
        var output = ""
        var ids: [Int] = []
        while Set(ids).count < 201 {
            output += try await juliet.read(until: "</message>")
            ids = output.matches(of: /<message [^>]*id="(\d+)"/).compactMap { Int($0.output.1) }
        }
        #expect(ids.count == 201)
        await server.stop()
    }
}
