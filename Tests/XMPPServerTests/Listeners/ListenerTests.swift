import NIOCore
import NIOSSL
import Testing
import XMPP
import XMPPStream

@testable import XMPPServer

@Suite("Connections over TCP", .timeLimit(.minutes(10))) struct ListenerTests {
    private static let startTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

    @Test("The first byte decides between direct TLS and STARTTLS")
    func sharedPort() async throws {
        let server = try await TestServer()
        let direct = try await server.connect(tls: TestClient.TLS(name: "example.org"))
        #expect(try await direct.signIn("romeo", resource: "direct") == "romeo@example.org/direct")

        let upgraded = try await server.connect()
        let features = try await upgraded.open()
        #expect(features.contains("<starttls xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"><required /></starttls>"))
        #expect(!features.contains("<mechanism"))
        try await upgraded.send(Self.startTLS)
        try await upgraded.read(until: "<proceed xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\" />")
        try await upgraded.startTLS(TestClient.TLS(name: "example.org"))
        #expect(try await upgraded.signIn("romeo", resource: "upgraded") == "romeo@example.org/upgraded")
        #expect(upgraded.certificate == direct.certificate)
        await server.stop()
    }

    @Test("Ports for one of the two serve only that")
    func dedicatedPorts() async throws {
        let server = try await TestServer(listeners: ["tls: starttls", "tls: direct"])
        let tls = TestClient.TLS(name: "example.org")
        await #expect(throws: (any Error).self) { try await server.connect(0, tls: tls) }
        let clear = try await server.connect(1)
        try await clear.send(TestClient.header("example.org"))
        #expect(await !clear.readToEnd().contains("<"))
        #expect(try await server.session(listener: 1).ping().contains("result"))
        await server.stop()
    }

    @Test("ALPN chooses xmpp-client; SNI the host's certificate")
    func names() async throws {
        let server = try await TestServer(hosts: ["one.example", "two.example"])
        for name in ["one.example", "two.example", "Two.Example", "other.example", nil] {
            let shown = name?.lowercased() == "two.example" ? "two.example" : "one.example"
            for version in [TLSVersion.tlsv12, .tlsv13] {
                let client = try await server.connect(
                    tls: TestClient.TLS(name: name, protocols: ["xmpp-client"], maximumVersion: version))
                #expect(client.negotiatedProtocol == "xmpp-client")
                let certificate = try #require(server.certificates[shown])
                #expect(try client.certificate == certificate.der)
                try await client.close()
            }
        }
        await server.stop()
    }

    @Test(
        "Each certificate has its own channel binding, which the features announce",
        arguments: [
            TLSVersion.tlsv12, .tlsv13,
        ])
    func bindings(_ version: TLSVersion) async throws {
        let server = try await TestServer(hosts: ["one.example", "two.example"])
        let tls = try #require(server.server.certificates.streams)
        for name in ["one.example", "two.example"] {
            let client = try await server.connect(tls: TestClient.TLS(name: name, maximumVersion: version))
            let features = try await client.open(name)
            #expect(features.contains("<mechanism>SCRAM-SHA-256-PLUS</mechanism>"))
            #expect(features.contains("<channel-binding type=\"tls-server-end-point\" />"))
            #expect(features.contains("<channel-binding type=\"tls-exporter\" />") == (version == .tlsv13))
            let expected = ChannelBinding.serverEndPoint(leafDER: client.certificate, signatureHash: .sha256)
            #expect(tls.serverEndPoint(for: .named(name)) == expected)
            try await client.close()
        }
        #expect(tls.serverEndPoint(for: .unreadable) == nil)
        await server.stop()
        #expect(tls.exporter.count == 0)
    }

    @Test("Nothing below TLS 1.2", arguments: [TLSVersion.tlsv1, .tlsv11])
    func oldVersions(_ version: TLSVersion) async throws {
        let server = try await TestServer()
        let tls = TestClient.TLS(name: "example.org", maximumVersion: version)
        await #expect(throws: TestClient.Ended.self) { try await server.connect(tls: tls) }
        await server.stop()
    }

    @Test("A connection is for the hosts of its listener, and for the host of its header alone")
    func hosts() async throws {
        let server = try await TestServer(
            hosts: ["one.example", "two.example"], listeners: ["hosts: [one.example]", "tls: either"])
        let known = try await server.connect(1, tls: TestClient.TLS(name: "one.example"))
        #expect(try await known.signIn("romeo", host: "two.example", resource: "x") == "romeo@two.example/x")

        let unknown = try await server.connect(0, tls: TestClient.TLS(name: "two.example"))
        try await unknown.send(TestClient.header("two.example"))
        #expect(try await unknown.read(until: "</stream:stream>").contains("<host-unknown "))

        let switched = try await server.connect(1, tls: TestClient.TLS(name: "one.example"))
        _ = try await switched.open("one.example")
        try await switched.authenticate("romeo", "secret")
        try await switched.read(until: "<success")
        try await switched.send(TestClient.header("two.example"))
        let answer = try await switched.read(until: "</stream:stream>")
        #expect(answer.contains("from=\"one.example\""))
        #expect(answer.contains("<host-unknown "))
        await server.stop()
    }

    @Test("What a client sent before it closed its side is handled, and answered")
    func halfClosed() async throws {
        let server = try await TestServer()
        let client = try await server.connect()
        try await client.send(TestClient.header("example.org") + "</stream:stream>")
        try? await client.channel.close(mode: .output)
        #expect(await client.readToEnd().hasSuffix("</stream:features></stream:stream>"))
        await server.stop()
    }

    // MARK: How many

    @Test("An address has so many connections, and gets another when one ends")
    func perAddress() async throws {
        let server = try await TestServer(top: "limits: {connections-per-address: 3}")
        var clients: [TestClient] = []
        for _ in 0..<3 {
            let client = try await server.connect()
            _ = try await client.open()
            clients.append(client)
        }
        #expect(try await server.connect().readToEnd() == "")
        try await clients[0].send("</stream:stream>")
        _ = await clients[0].readToEnd()
        // The place is free once the server has seen the end as well.
        var isServed = false
        while !isServed {
            let client = try await server.connect()
            isServed = (try? await client.open()) != nil
        }
        await server.stop()
    }

    // MARK: For whom

    private static let proxied = "tls: either, proxy-protocol: on"

    @Test("A proxy says for whom a connection is; each of those has connections of their own")
    func proxies() async throws {
        // On a busy machine the first connection waits for longer than signing in usually may take.
        let server = try await TestServer(
            settings: "limits: {sign-in-time: 1 h}", listeners: [Self.proxied],
            top: "limits: {connections-per-address: 2, sign-ins: {per-account: 1}}")
        var clients: [TestClient] = []
        for header in [
            "PROXY TCP4 198.51.100.1 192.0.2.1 4711 5222\r\n", "PROXY TCP4 198.51.100.1 192.0.2.1 4712 5222\r\n",
            "PROXY TCP6 2001:db8::1 2001:db8::2 4711 5222\r\n", "PROXY UNKNOWN\r\n", "PROXY UNKNOWN\r\n",
        ] {
            let client = try await server.connect()
            // In pieces, and with the client's first bytes right behind it.
            for piece in [header.prefix(1), header.dropFirst().dropLast(2), header.suffix(2).prefix(1)] {
                try await client.send(String(piece))
            }
            try await client.send(String(header.suffix(1)) + TestClient.header("example.org"))
            #expect(try await client.read(until: "</stream:features>").contains("<starttls"))
            clients.append(client)
        }
        let refused = try await server.connect()
        // The server may be quicker with the end than the client with the rest.
        try? await refused.send("PROXY TCP4 198.51.100.1 192.0.2.1 4713 5222\r\n" + TestClient.header("example.org"))
        #expect(await refused.readToEnd() == "")
        try await clients[0].send(Self.startTLS)
        try await clients[0].read(until: "<proceed xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\" />")
        try await clients[0].startTLS(TestClient.TLS(name: "example.org"))
        _ = try await clients[0].open()
        try await clients[0].authenticate("romeo", "wrong")
        try await clients[0].read(until: "</failure>")
        let authenticator = server.server.authenticator
        for (address, isOut) in [("198.51.100.1", true), ("127.0.0.1", false)] {
            let verdict = await authenticator.verify(
                user: "romeo", password: "secret", host: try server.host(), from: IPAddress(address)
            ).value
            #expect((try? verdict.get()) == nil ? isOut : !isOut)
        }
        await server.stop()
    }

    @Test("A proxy that does not say so is sent away, and nobody else may say it")
    func noProxies() async throws {
        let server = try await TestServer(
            listeners: [Self.proxied, "tls: either", "tls: either, proxy-protocol: on, proxies: [\"192.0.2.1\"]"])
        for start in [TestClient.header("example.org"), "PROXY TCP4 1.2.3.4\r\n", "\u{16}\u{3}\u{1}"] {
            let silent = try await server.connect(0)
            try await silent.send(start)
            #expect(await silent.readToEnd() == "")
        }
        for listener in [1, 2] {
            let forger = try await server.connect(listener)
            try await forger.send("PROXY TCP4 198.51.100.1 192.0.2.1 4711 5222\r\n" + TestClient.header("example.org"))
            #expect(await forger.readToEnd().contains("<not-well-formed "))
            let client = try await server.connect(listener)
            #expect(try await client.open().contains("<starttls"))
        }
        await server.stop()
    }

    private static let limits = """
        connections: 5
        connections-per-address: 2
        """

    private static func limits(_ text: String) throws -> ConnectionLimits {
        ConnectionLimits(ServerLimits(try ConfigFile.parse(text, file: "f.yaml").0))
    }

    @Test func counts() throws {
        let limits = try Self.limits(Self.limits)
        let addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(IPAddress.init)
        #expect(limits.admit(addresses[0]))
        #expect(limits.admit(addresses[0]))
        #expect(!limits.admit(addresses[0]))
        #expect(limits.admit(addresses[1]))
        #expect(limits.admit(addresses[2]))
        #expect(limits.admit(nil))
        #expect(!limits.admit(addresses[1]))
        #expect(!limits.admit(nil))
        limits.release(addresses[0])
        #expect(limits.admit(addresses[0]))
        #expect(!limits.admit(addresses[0]))
    }

    @Test("For IPv6 a /64 counts as one address")
    func networks() throws {
        let limits = try Self.limits("connections-per-address: 2")
        #expect(limits.admit(IPAddress("2001:db8::1")))
        #expect(limits.admit(IPAddress("2001:db8::ffff:1")))
        #expect(!limits.admit(IPAddress("2001:db8:0:0:1::")))
        #expect(limits.admit(IPAddress("2001:db8:0:1::1")))
    }

    @Test("0 is no bound")
    func noBound() throws {
        let limits = try Self.limits("{connections: 0, connections-per-address: 0}")
        for _ in 0..<1_000 { #expect(limits.admit(IPAddress("192.0.2.1"))) }
        for _ in 0..<1_000 { limits.release(IPAddress("192.0.2.1")) }
    }
}
