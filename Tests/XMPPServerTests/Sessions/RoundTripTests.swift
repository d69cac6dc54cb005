import Crypto
import Testing
import XMPP
import XMPPStream

@testable import XMPPServer

@Suite("How often a client has to wait for the server to be back", .timeLimit(.minutes(10))) struct RoundTripTests {
    private static let agent =
        "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>Tern</software></user-agent>"

    /// A client that sends all that it can before it reads, and counts how often it does.
    private struct Phone {
        let client: TestClient
        var flights = 0
        var received = ""

        init(_ server: TestServer) async throws {
            client = try await server.connect(tls: TestClient.TLS(name: "example.org"))
        }

        mutating func send(_ text: String, until end: String) async throws -> String {
            flights += 1
            try await client.send(text)
            let answer = try await client.read(until: end)
            received += answer
            return answer
        }

        /// A sign-in, with a session in the end. Whatever is not in the first answer takes another flight.
        mutating func signIn(_ authenticate: String, isPipelined: Bool) async throws {
            let header = TestClient.header("example.org")
            if isPipelined {
                _ = try await send(header + authenticate, until: "</stream:features>")
                if !received.contains("<success") { received += try await client.read(until: "</success>") }
            } else {
                _ = try await send(header, until: "</stream:features>")
                _ = try await send(authenticate, until: "</success>")
            }
            guard !received.contains("<resumed") else { return }
            received += try await client.read(until: "</stream:features>")
            guard !received.contains("<bound") else { return }
            _ = try await send(
                "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", until: "</iq>")
        }
    }

    private func authenticate(_ mechanism: String, _ message: [UInt8], _ content: String) -> String {
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='\(mechanism)'>"
            + "<initial-response>\(Base64.encode(message))</initial-response>\(Self.agent)\(content)</authenticate>"
    }

    private func attribute(_ name: String, in text: String) -> String? {
        text.firstRange(of: " \(name)=\"").map { String(text[$0.upperBound...].prefix { $0 != "\"" }) }
    }

    private func token(of answer: String) throws -> String {
        let element = try #require(answer.firstRange(of: "<token "))
        return try #require(attribute("token", in: String(answer[element.lowerBound...])))
    }

    @Test("A returning phone has its session, a new one or the old one, after one round trip on TLS")
    func oneRoundTrip() async throws {
        let server = try await TestServer()
        let password = Array("\0romeo\0secret".utf8)
        let wish = "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-ENDP'/>"
        var first = try await Phone(server)
        try await first.signIn(authenticate("PLAIN", password, wish), isPipelined: false)
        #expect(first.flights == 3)
        let token = try token(of: first.received)
        let features = try #require(first.received.firstRange(of: "<config-version "))
        let version = try #require(attribute("value", in: String(first.received[features.lowerBound...])))

        let channel = Array(SHA256.hash(data: first.client.certificate))
        let key = SymmetricKey(data: Array(token.utf8))
        let code = HMAC<SHA256>.authenticationCode(for: Array("Initiator".utf8) + channel, using: key)
        func again(_ content: String) -> String {
            authenticate(
                "HT-SHA-256-ENDP", Array("romeo\0".utf8) + Array(code),
                "<fast xmlns='urn:xmpp:fast:0'/><config-version xmlns='urn:xmpp:iap:0' value='\(version)'/>" + content)
        }
        let bind =
            "<bind xmlns='urn:xmpp:bind:0'><tag>Tern</tag><enable xmlns='urn:xmpp:carbons:2'/>"
            + "<enable xmlns='urn:xmpp:sm:3' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/></bind>"
        var phone = try await Phone(server)
        try await phone.signIn(again(bind), isPipelined: true)
        #expect(phone.flights == 1)
        let romeo = try #require(JID("romeo@example.org"))
        let record = try #require(try server.host().accounts.cached(romeo))
        #expect(record.sessions.contains { phone.received.contains("<authorization-identifier>\($0.jid)<") })

        // The connection is lost; what was said meanwhile is there as soon as the session is.
        let enabled = try #require(phone.received.firstRange(of: "<enabled "))
        let id = try #require(attribute("id", in: String(phone.received[enabled.lowerBound...])))
        try await phone.client.close()
        let resume = "<resume xmlns='urn:xmpp:sm:3' h='0' previd='\(id)'/>"
        var resumed = try await Phone(server)
        try await resumed.signIn(again(resume + bind), isPipelined: true)
        #expect(resumed.flights == 1)
        #expect(resumed.received.contains("<resumed ") && !resumed.received.contains("<bound"))
        await server.stop()
    }

    @Test("An account in memory, and a name that nobody had a moment ago, are answered at once")
    func nothingToWaitFor() async throws {
        let server = try await TestServer()
        let host = try server.host()
        let authenticator = server.server.authenticator
        for user in ["romeo", "nobody"] {
            let cold = authenticator.credential(user: user, hash: .sha256, host: host, from: nil)
            guard case .later = cold else {
                Issue.record("\(user) was not looked for")
                continue
            }
            let first = try await cold.value.get().credential
            let again = authenticator.credential(user: user, hash: .sha256, host: host, from: nil)
            guard case .now(let warm) = again else {
                Issue.record("\(user) is looked for again")
                continue
            }
            #expect(try warm.get().credential == first)
            #expect(try (warm.get().account != nil) == (user == "romeo"))
        }
        await server.stop()
    }

    @Test("Nobody is bound with a password that was changed since it was shown")
    func changedMeanwhile() async throws {
        let server = try await TestServer()
        let client = try await server.connect(tls: TestClient.TLS(name: "example.org"))
        _ = try await client.open()
        try await client.authenticate("romeo", "secret")
        try await client.read(until: "<success")
        let romeo = try #require(JID("romeo@example.org"))
        try await server.host().setPassword("other", of: romeo).get()
        _ = try await client.open()
        let error = await #expect(throws: TestClient.Ended.self) { try await client.bind("x") }
        #expect(error?.received.contains("not-authorized") == true)
        #expect(try server.host().accounts.cached(romeo)?.sessions.isEmpty != false)
        await server.stop()
    }
}
