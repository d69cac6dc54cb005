import NIOCore
import Testing
import XML
import XMPP

@testable import TestKit
@testable import XMPPServer

/// Streams that are carried in requests and responses, XEP-0124.
@Suite struct BOSHTests {
    /// A client that sends what it is told to; it has no opinion about the rules.
    private final class Client: Sendable {
        let server: TestKit.TestServer
        let streams: WebStreams

        init() async throws {
            server = try await TestKit.TestServer()
            streams = server.server.webStreams()
            let romeo = try #require(JID("romeo@localhost"))
            try await server.add(
                TestAccount("romeo", Account(jid: romeo, displayName: "Romeo", createdAt: TestClock.start)))
        }

        func request(_ attributes: String, _ content: String = "") async throws -> Element {
            let body = """
                <body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' \(attributes)>\(content)</body>
                """
            return try await post(body)
        }

        func post(_ body: String) async throws -> Element {
            let answer = await streams.bosh.respond(
                to: ByteBuffer(string: body), on: server.loop, from: try? SocketAddress(ipAddress: "192.0.2.1", port: 1)
            )
            return try Element(parsing: answer)
        }

        /// - Returns: what says to which session a request belongs.
        func begin(rid: Int = 1, _ attributes: String = "hold='1' wait='30'") async throws -> String {
            let answer = try await request("rid='\(rid)' to='localhost' xmpp:version='1.0' ver='1.11' \(attributes)")
            let features = try #require(answer.child("features", .streams))
            #expect(features.hasChild("mechanisms", .sasl))
            #expect(answer["from"] == "localhost" && answer["authid"] != nil && answer["requests"] != nil)
            return "sid='\(try #require(answer["sid"]))'"
        }

        /// Signs in with the requests 2 to 4.
        func signIn(_ session: String) async throws {
            let secret = Base64.encode(Array("\0romeo\0\(TestAccount.password)".utf8))
            let success = try await request(
                "rid='2' \(session)",
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\(secret)</auth>")
            #expect(success.hasChild("success", .sasl))
            let restarted = try await request("rid='3' \(session) to='localhost' xmpp:restart='true'")
            #expect(restarted.child("features", .streams)?.hasChild("bind", .bind) == true)
            let bound = try await request(
                "rid='4' \(session)",
                "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
            #expect(bound.child("iq", .client)?.attribute("type", equals: "result") == true)
        }

        static func ping(_ id: String) -> String {
            "<iq xmlns='jabber:client' type='get' id='\(id)'><ping xmlns='urn:xmpp:ping'/></iq>"
        }

        func stop() async {
            await server.stop()
            await server.close()
        }
    }

    private static func condition(_ body: Element) -> String? {
        body.attribute("type", equals: "terminate") ? body["condition"] : nil
    }

    @Test func aSessionFromItsBeginningToItsEnd() async throws {
        let client = try await Client()
        let session = try await client.begin()
        try await client.signIn(session)
        let pong = try await client.request("rid='5' \(session)", Client.ping("p1"))
        #expect(pong.child("iq", .client)?["id"] == "p1")
        let end = try await client.request("rid='6' \(session) type='terminate'")
        #expect(end.attribute("type", equals: "terminate") && end["condition"] == nil)
        #expect(Self.condition(try await client.request("rid='7' \(session)")) == "item-not-found")
        await client.stop()
    }

    @Test func aRequestWaitsUntilThereIsSomethingToSay() async throws {
        let client = try await Client()
        let session = try await client.begin()
        try await client.signIn(session)
        async let held = client.request("rid='5' \(session)")
        let empty = try await client.request("rid='6' \(session)", Client.ping("p1"))
        let answers = [try await held, empty].flatMap { $0.children.compactMap { $0["id"] } }
        #expect(answers == ["p1"])
        await client.stop()
    }

    @Test func theWaitingHasAnEnd() async throws {
        let client = try await Client()
        let session = try await client.begin()
        try await client.signIn(session)
        async let held = client.request("rid='5' \(session)")
        // The request may be on its way yet when the time passes.
        let passing = Task {
            while !Task.isCancelled {
                await client.server.advance(by: .seconds(1))
                await Task.yield()
            }
        }
        #expect(try await held.children.first { _ in true } == nil)
        passing.cancel()
        await client.stop()
    }

    @Test func requestsAreTakenInTheirOrder() async throws {
        let client = try await Client()
        let session = try await client.begin()
        try await client.signIn(session)
        async let second = client.request("rid='6' \(session)", Client.ping("second"))
        let first = try await client.request("rid='5' \(session)", Client.ping("first"))
        let ids = [first, try await second].flatMap { $0.children.compactMap { $0["id"] } }
        #expect(ids == ["first", "second"])
        await client.stop()
    }

    @Test func aRepeatedRequestGetsTheSameAnswerAndIsNotDoneTwice() async throws {
        let client = try await Client()
        let session = try await client.begin()
        try await client.signIn(session)
        let first = try await client.request("rid='5' \(session)", Client.ping("p1"))
        let again = try await client.request("rid='5' \(session)", Client.ping("p1"))
        #expect(first.bytes == again.bytes)
        let next = try await client.request("rid='6' \(session)", Client.ping("p2"))
        #expect(next.children.compactMap { $0["id"] } == ["p2"])
        await client.stop()
    }

    @Test(arguments: ["rid='4' sid='nobody'", "rid='9'", "rid='1'"])
    func aRequestOutsideOfItsWindowEndsTheSession(_ attributes: String) async throws {
        let client = try await Client()
        let session = try await client.begin(rid: 3)
        let request = attributes.contains("sid") ? attributes : "\(attributes) \(session)"
        #expect(Self.condition(try await client.request(request)) == "item-not-found")
        await client.stop()
    }

    @Test(arguments: [
        "<body/>", "no XML", "<body xmlns='http://jabber.org/protocol/httpbind'/>",
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='-1'/>",
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='99999999999999999999'/>",
    ])
    func whatIsNoRequestIsRefused(_ body: String) async throws {
        let client = try await Client()
        #expect(Self.condition(try await client.post(body)) == "bad-request")
        await client.stop()
    }

    @Test func aStreamErrorEndsTheSession() async throws {
        let client = try await Client()
        let session = try await client.begin()
        let answer = try await client.request("rid='2' \(session)", "<iq xmlns='jabber:client' type='get' id='1'/>")
        #expect(Self.condition(answer) == "remote-stream-error")
        #expect(answer.child("error", .streams)?.hasChild("not-authorized", .streamErrors) == true)
        await client.stop()
    }

    @Test func anUnknownHostIsRefused() async throws {
        let client = try await Client()
        let answer = try await client.request("rid='1' to='nowhere.example' hold='1' wait='5'")
        #expect(Self.condition(answer) == "host-unknown")
        #expect(answer.child("error", .streams)?.hasChild("host-unknown", .streamErrors) == true)
        await client.stop()
    }

    @Test(arguments: ["", "to=''"])
    func aHostThatIsNotNamedIsRefused(_ to: String) async throws {
        let client = try await Client()
        let answer = try await client.request("rid='1' \(to) hold='1' wait='5'")
        #expect(Self.condition(answer) == "improper-addressing")
        await client.stop()
    }

    @Test func aServerThatStopsAnswersWhatIsHeld() async throws {
        let client = try await Client()
        let session = try await client.begin()
        try await client.signIn(session)
        async let held = client.request("rid='5' \(session)")
        // The request is there when the one after it is answered.
        async let next = client.request("rid='6' \(session)", Client.ping("p1"))
        _ = try await held
        client.streams.bosh.stop()
        #expect(Self.condition(try await next).map { $0 == "system-shutdown" } ?? true)
        #expect(Self.condition(try await client.request("rid='7' \(session)")) != nil)
        let other = try await client.request("rid='1' to='localhost' hold='1' wait='5'")
        #expect(Self.condition(other) == "system-shutdown")
        await client.stop()
    }

    @Test func aSessionThatNobodyAsksForEnds() async throws {
        let client = try await Client()
        let session = try await client.begin()
        await client.server.advance(by: .seconds(61))
        #expect(try await client.request("rid='2' \(session)").attribute("type", equals: "terminate"))
        await client.stop()
    }

    @Test func keysMustFollowFromOneAnother() async throws {
        let client = try await Client()
        // `newkey` is the SHA-1 of `key`, which is that of "swallowtail".
        let session = try await client.begin(
            "hold='0' wait='0' newkey='ba5c0ff720ab4697ade9da60be72ce9407855147'")
        let right = try await client.request("rid='2' \(session) key='1494abf86b56aecc324cae2d81010c1b71db14ce'")
        #expect(Self.condition(right) == nil)
        #expect(Self.condition(try await client.request("rid='3' \(session) key='wrong'")) == "policy-violation")
        await client.stop()
    }

    @Test func wrongPasswordsCountByTheClientsAddress() async throws {
        let client = try await Client()
        var conditions: Set<String> = []
        let limit = client.server.server.configuration.limits.signIns.perAddress
        for number in 0..<limit {
            // Each another account, whose own limit is lower.
            let wrong = Base64.encode(Array("\0user\(number)\0wrong".utf8))
            let session = try await client.begin()
            let answer = try await client.request(
                "rid='2' \(session)",
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\(wrong)</auth>")
            conditions.formUnion(answer.child("failure", .sasl)?.children.map(\.name) ?? [])
        }
        let address = try #require(IPAddress("192.0.2.1"))
        let host = try #require(client.server.server.hosts["localhost"])
        let verdict = await client.server.server.authenticator.verify(
            user: "juliet", password: TestAccount.password, host: host, from: address
        ).value
        #expect(conditions.contains("not-authorized"))
        #expect(throws: SASLFailure.temporaryAuthFailure) { try verdict.get() }
        await client.stop()
    }

    @Test func whoPollsTooOftenIsSentAway() async throws {
        let client = try await Client()
        let session = try await client.begin("hold='0' wait='0'")
        #expect(Self.condition(try await client.request("rid='2' \(session)")) == nil)
        #expect(Self.condition(try await client.request("rid='3' \(session)")) == "policy-violation")
        await client.stop()
    }
}
