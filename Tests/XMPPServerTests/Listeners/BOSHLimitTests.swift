import NIOCore
import Testing
import XML
import XMPP

@testable import TestKit
@testable import XMPPServer

/// What is sent in the bodies of requests obeys the limits that hold for its sender, and what arrives in responses is
/// whole.
@Suite struct BOSHLimitTests {
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

        func request(_ attributes: String, _ content: String = "") async throws -> (body: Element, byteCount: Int) {
            let body =
                "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' \(attributes)>\(content)</body>"
            let answer = await streams.bosh.respond(
                to: ByteBuffer(string: body), on: server.loop, from: try? SocketAddress(ipAddress: "192.0.2.1", port: 1)
            )
            return (try Element(ownOutput: answer), answer.readableBytes)
        }

        func begin() async throws -> String {
            let answer = try await request("rid='1' to='localhost' xmpp:version='1.0' hold='1' wait='30'").body
            return "sid='\(try #require(answer["sid"]))'"
        }

        func signIn(_ session: String) async throws {
            let secret = Base64.encode(Array("\0romeo\0\(TestAccount.password)".utf8))
            _ = try await request(
                "rid='2' \(session)",
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\(secret)</auth>")
            _ = try await request("rid='3' \(session) to='localhost' xmpp:restart='true'")
            let bound = try await request(
                "rid='4' \(session)",
                "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                    + "<resource>pc</resource></bind></iq>")
            #expect(bound.body.child("iq", .client)?.attribute("type", equals: "result") == true)
        }

        func stop() async {
            await server.stop()
            await server.close()
        }
    }

    /// Nobody has signed in.
    @Test(arguments: [
        ("xmlns:a='\(String(repeating: "\"", count: 1_000))'", String(repeating: "<a:x/>", count: 5_000)),
        ("xmlns:a='\(String(repeating: "\"", count: 60_000))'", String(repeating: "<a:x/>", count: 5_000)),
        (
            "",
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\(String(repeating: "A", count: 20_000))</auth>"
        ),
        ("", String(repeating: "<a xmlns='urn:a'>", count: 30) + String(repeating: "</a>", count: 30)),
        ("", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' \((0..<60).map { "a\($0)=''" }.joined(separator: " "))/>"),
    ])
    func strangersHaveTheirLimits(attributes: String, content: String) async throws {
        let client = try await Client()
        for first in [true, false] {
            let session = first ? "to='localhost' xmpp:version='1.0'" : try await client.begin()
            let rid = first ? "rid='1'" : "rid='2'"
            var answer = try await client.request("\(rid) \(session) \(attributes)", content)
            if let sid = answer.body["sid"], answer.body["type"] == nil {
                answer = try await client.request("rid='2' sid='\(sid)'")
            }
            #expect(answer.body.attribute("type", equals: "terminate"))
            #expect(answer.byteCount < 2_000)
        }
        await client.stop()
    }

    /// Each element of a body has its turn when those before it are done: with the limits that hold then.
    @Test func elementsOfABodyHaveTheirTurns() async throws {
        let client = try await Client()
        let session = try await client.begin()
        try await client.signIn(session)
        let pings = (0..<20).map { "<iq xmlns='jabber:client' type='get' id='p\($0)'><p:ping/></iq>" }.joined(
            separator: "\n")
        let answer = try await client.request("rid='5' \(session) xmlns:p='urn:xmpp:ping'", pings)
        #expect(answer.body.children.compactMap { $0["id"] } == (0..<20).map { "p\($0)" })
        await client.stop()
    }

    @Test(arguments: [
        ("", "<body>\(String(repeating: "x", count: 260_000))</body>"),
        ("", "<x xmlns='urn:x' xmlns:a='urn:a' a:\(String(repeating: "n", count: 1_020))=''/>"),
        ("xmlns:a='urn:a'", "<x xmlns='urn:x' \((0..<100).map { "a:a\($0)=''" }.joined(separator: " "))/>"),
        ("xmlns:a='\(String(repeating: "n", count: 900))'", String(repeating: "<a:x/>", count: 3_000)),
    ])
    func whatWasAcceptedArrives(attributes: String, content: String) async throws {
        let client = try await Client()
        let session = try await client.begin()
        try await client.signIn(session)
        for (index, name) in ["message xmlns='jabber:client'", "c:message xmlns:c='jabber:client'"].enumerated() {
            let sent = "<\(name) to='romeo@localhost/pc' type='chat'>\(content)</\(name.prefix { $0 != " " })>"
            let answer = try await client.request("rid='\(5 + index)' \(session) \(attributes)", sent)
            let expected = try Element(
                ownOutput: ByteBuffer(
                    string: "<r xmlns='http://jabber.org/protocol/httpbind' \(attributes)>\(sent)</r>"))
            let message = try #require(answer.body.child("message", .client))
            #expect(
                zip(message.children, try #require(expected.firstChild).children).allSatisfy { $0.isEquivalent(to: $1) }
            )
            #expect(message.firstChild != nil && answer.byteCount < sent.utf8.count * 8 + 4096)
        }
        await client.stop()
    }
}
