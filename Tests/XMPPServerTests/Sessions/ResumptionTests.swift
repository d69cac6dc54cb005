import NIOPosix
import Testing
import XMPP

@testable import XMPPServer

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
            let session = try #require(try server.host().accounts.resident(account)?.session("orchard"))
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
}
