import NIOCore
import NIOPosix
import Testing
import XMPP

@testable import XMPPServer
@testable import XMPPStream

@Suite("Sessions that are taken up again", .timeLimit(.minutes(10))) struct ResumptionTests {
    @Test("From loop to loop, under way, each message comes once and in order")
    func fromLoopToLoop() async throws {
        let server = try await TestServer()
        let juliet = try await server.session("juliet", resource: "balcony")
        var romeo = try await server.session("romeo", resource: "orchard")
        try await romeo.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        let enabled = try await romeo.read(until: "<enabled") + romeo.read(until: "/>")
        let id = try #require(enabled.firstMatch(of: /id="([^"]*)"/)?.1)

        let account = try #require(JID("romeo@example.org"))

        let rounds = 20
        let perRound = 50
        async let sent: Void = {
            for number in 1...rounds * perRound {
                try await juliet.send(
                    "<message to='romeo@example.org/orchard' type='chat' id='m\(number)'><body>x</body></message>")
            }
        }()
        var received: [Int] = []
        var loops: Set<ObjectIdentifier> = []
        for round in 1...rounds {
            // More is on its way when the connection is cut, and some of it is written to that one.
            let last = round * perRound - (round < rounds ? perRound / 2 : 0)
            let text = try await romeo.read(until: "id=\"m\(last)\"")
            received += text.matches(of: /id="m(\d+)"/).compactMap { Int($0.1) }
            let session = try #require(try server.host().accounts.cached(account)?.session("orchard"))
            loops.insert(ObjectIdentifier(session.loop))
            try await romeo.close()
            // Loops are taken in turn, one for each end of a connection: now it is the other one's turn.
            _ = TestServer.group.next()
            romeo = try await server.connect(tls: TestClient.TLS(name: "example.org"))
            _ = try await romeo.open()
            try await romeo.authenticate("romeo", "secret")
            _ = try await romeo.read(until: "<success")
            _ = try await romeo.open()
            try await romeo.send("<resume xmlns='urn:xmpp:sm:3' previd='\(id)' h='\(received.count)'/>")
            _ = try await romeo.read(until: "<resumed")
        }
        try await sent
        #expect(received == Array(1...rounds * perRound))
        #expect(loops.count == 2)
        try await romeo.close()
        try await juliet.close()
        await server.stop()
    }

    @Test("A resource that somebody binds while its session is being resumed is theirs alone")
    func boundMeanwhile() async throws {
        let server = try await TestServer(settings: "streams: {resource-conflict: replace-old}")
        let host = try server.host()
        let lost = try await server.session("romeo", resource: "orchard")
        try await lost.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        let enabled = try await lost.read(until: "<enabled") + lost.read(until: "/>")
        let id = try #require(enabled.firstMatch(of: /id="([^"]*)"/)?.1)
        try await lost.close()
        let address = try #require(JID("romeo@example.org"))
        let record = try #require(try await host.accounts.load(address))
        while record.session("orchard")?.hibernatesSince == nil { await Task.yield() }

        let late = try await server.connect(tls: TestClient.TLS(name: "example.org"))
        _ = try await late.open()
        try await late.authenticate("romeo", "secret")
        _ = try await late.read(until: "<success")
        _ = try await late.open()
        let stream = try #require(try await signedIn(server))
        guard case .later(let prepare) = host.resume(String(id), count: 0, of: record, on: stream) else {
            Issue.record("there is nothing to wait for")
            return
        }
        let takeOver = await prepare()
        let other = try await server.session("romeo", resource: "orchard")
        let outcome = try await stream.connection.eventLoop.submit { takeOver() }.get()
        guard case .failure = outcome else {
            Issue.record("two sessions have one resource")
            return
        }
        #expect(record.sessions.count == 1)
        #expect(try await other.ping().contains("to=\"romeo@example.org/orchard\""))
        await server.stop()
    }

    /// The stream of a client that has signed in and bound no resource.
    private func signedIn(_ server: TestServer) async throws -> ClientStream? {
        for loop in server.server.loops.all {
            let found = try await loop.eventLoop.submit {
                loop.streams.values.lazy.compactMap { ($0.negotiation as? ClientNegotiation)?.stream }
                    .first { $0.session == nil && $0.signedIn != nil }
            }.get()
            if let found { return found }
        }
        return nil
    }
}
