import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOPosix
import Testing
import XMPP
import XMPPModules
import XMPPServer

@testable import Web
@testable import XMPPModules

/// What clients do to HTTP itself: every request is answered once, and every wait has an end.
@Suite struct HTTPTests {
    private static let host = "Host: \(TestSite.domain)\r\n"
    private static let streams = "websocket: on, bosh: on"

    private static func statuses(_ answer: String) -> [String] {
        answer.matches(of: #/HTTP/1\.[01] ([0-9]{3}) /#).map { String($0.output.1) }
    }

    // MARK: What is no HTTP

    @Test(arguments: [
        ("\u{0}\u{1}\u{2}\r\n\r\n", ["400"]),
        ("GET / HTTP/1.1\r\n\(host)A b: c\r\n\r\n", ["400"]),
        ("GET / HTTP/1.1\r\n\(host)\r\n\u{0}\u{1}\r\n\r\n", ["200", "400"]),
        ("GET / HTTP/1.1\r\n\r\n", ["400"]),
        ("GET / HTTP/1.1\r\n\(host)\(host)\r\n", ["400"]),
        ("GET / HTTP/3.7\r\n\(host)\r\n", ["505"]),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ["400"]),
        ("GET / HTTP/1.1\r\n\(host)A: \(String(repeating: "a", count: 20_000))\r\n\r\n", ["431"]),
        ("GET / HTTP/1.1\r\n\(host)\((1...200).map { "A\($0): b\r\n" }.joined())\r\n", ["431"]),
        ("GET / HTTP/1.1\r\n\(host)Expect: miracles\r\n\r\n", ["417"]),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", ["421"]),
    ])
    func whatIsNoHTTPIsRefusedOnce(_ bytes: String, _ expected: [String]) async throws {
        try await TestSite.run { site in
            let answer = try await TestHTTPClient.answer(to: bytes, of: site)
            #expect(Self.statuses(answer) == expected)
            #expect(!site.log.text.contains("error "))
        }
    }

    @Test(
        arguments: ["/oauth/token", "/http-bind", "/sign-in", "/nowhere"],
        ["zz\r\n", "3\r\na=b\r\nzz\r\n", "fffffffffffffffff\r\n"])
    func aBadChunkIsRefusedOnce(_ path: String, _ body: String) async throws {
        try await TestSite.run(modules: Self.streams) { site in
            let answer = try await TestHTTPClient.answer(
                to: "POST \(path) HTTP/1.1\r\n\(Self.host)Transfer-Encoding: chunked\r\n"
                    + "Content-Type: application/x-www-form-urlencoded\r\n\r\n\(body)", of: site)
            let statuses = Self.statuses(answer)
            #expect(statuses.count == 1 && statuses.first?.hasPrefix("4") == true, "\(statuses)")
            #expect(!site.log.text.contains("error "))
            #expect(try await TestBrowser(site).get("/").status == 200)
        }
    }

    @Test func whatTheHeadOfARequestMayHaveIsAllOfItsTime() async throws {
        try await TestSite.run { site in
            let channel = try await Self.channel(on: site)
            for letter in "GET /" {
                try await channel.writeInbound(ByteBuffer(string: "\(letter)"))
                await channel.testingEventLoop.advanceTime(by: .seconds(10))
                #expect(channel.isActive)
            }
            await channel.testingEventLoop.advanceTime(by: .seconds(11))
            #expect(!channel.isActive)
        }
    }

    @Test(arguments: ["/oauth/token", "/nowhere"])
    func aBodyHasItsTimeAndNoMore(_ path: String) async throws {
        try await TestSite.run { site in
            let channel = try await Self.channel(on: site)
            try await channel.writeInbound(
                ByteBuffer(
                    string: "POST \(path) HTTP/1.1\r\n\(Self.host)Content-Length: 100000\r\n"
                        + "Content-Type: application/x-www-form-urlencoded\r\n\r\n"))
            for _ in 0..<7 {
                _ = try? await channel.writeInbound(ByteBuffer(string: "a"))
                await channel.testingEventLoop.advanceTime(by: .seconds(10))
            }
            #expect(!channel.isActive)
        }
    }

    /// What is large may take long, as long as it comes.
    @Test func eachPieceOfALargeBodyHasItsTime() async throws {
        try await TestSite.run(modules: "http-upload: {}") { site in
            let slot = try await site.slot("film", size: 400_000)
            let channel = try await Self.channel(on: site)
            try await channel.writeInbound(
                ByteBuffer(
                    string: "PUT /upload/\(slot.secret)/\(slot.file.id) HTTP/1.1\r\n\(Self.host)"
                        + "Content-Length: 400000\r\n\r\n"))
            for _ in 0..<5 {
                try await channel.writeInbound(ByteBuffer(repeating: 1, count: HTTPConnection.bodyPiece))
                try await Self.isAskedForMore(channel)
                await channel.testingEventLoop.advanceTime(by: .seconds(50))
                #expect(channel.isActive)
            }
            await channel.testingEventLoop.advanceTime(by: .seconds(15))
            #expect(!channel.isActive)
        }
    }

    /// Waits until the server is ready for more of a body: until then the client's time does not run.
    private static func isAskedForMore(_ channel: NIOAsyncTestingChannel) async throws {
        while try await !channel.testingEventLoop.executeInContext({
            try channel.pipeline.syncOperations.handler(type: HTTPConnection.self).isTiming
        }) { await Task.yield() }
    }

    /// Here the store takes nothing: the client has sent all that it was to send, and is not too slow.
    @Test func aSlowStoreIsNotTheClientsFault() async throws {
        let store = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .bind(host: "127.0.0.1", port: 0).get()
        let s3 = "{endpoint: \"http://127.0.0.1:\(store.localAddress?.port ?? 0)\", bucket: files}"
        try await TestSite.run(modules: "http-upload: {s3: \(s3)}") { site in
            let size = 32 << 20
            let slot = try await site.slot("film", size: size)
            let channel = try await Self.channel(on: site)
            try await channel.writeInbound(
                ByteBuffer(
                    string: "PUT /upload/\(slot.secret)/\(slot.file.id) HTTP/1.1\r\n\(Self.host)"
                        + "Content-Length: \(size)\r\n\r\n"))
            let piece = ByteBuffer(repeating: 1, count: 65_536)
            for _ in 0..<(size / 65_536 - 1) { try await channel.writeInbound(piece) }
            for _ in 0..<3 {
                await channel.testingEventLoop.advanceTime(by: .seconds(50))
                #expect(channel.isActive)
            }
            try await channel.close()
        }
        try await store.close()
    }

    /// A connection of the site whose time the test tells.
    private static func channel(on site: TestSite) async throws -> NIOAsyncTestingChannel {
        let channel = NIOAsyncTestingChannel()
        let listener = try #require(site.server.configuration.httpListeners.first)
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1))
        try await channel.testingEventLoop.executeInContext { try site.web.accept(channel, on: listener) }
        return channel
    }

    @Test func requestsInOneGoAreAnsweredInTheirOrderUpToABound() async throws {
        try await TestSite.run { site in
            let request = "HEAD /style.css HTTP/1.1\r\n\(Self.host)\r\n"
            let few = try await TestHTTPClient.answer(
                to: String(repeating: request, count: 20)
                    + "GET /nowhere HTTP/1.1\r\n\(Self.host)Connection: close\r\n\r\n",
                of: site)
            #expect(Self.statuses(few) == Array(repeating: "200", count: 20) + ["404"])
            let many = try await TestHTTPClient.answer(to: String(repeating: request, count: 1000), of: site)
            #expect((100..<1000).contains(Self.statuses(many).count))
        }
    }

    @Test func anAnswerToHeadHasNoBody() async throws {
        try await TestSite.run { site in
            for path in ["/", "/nowhere", "/account/export.xml"] {
                let head = "HEAD \(path) HTTP/1.1\r\n\(Self.host)\r\n"
                let last = "HEAD \(path) HTTP/1.1\r\n\(Self.host)Connection: close\r\n\r\n"
                let answer = try await TestHTTPClient.answer(to: head + last, of: site)
                #expect(Self.statuses(answer).count == 2 && answer.hasSuffix("\r\n\r\n") && !answer.contains("<"))
            }
        }
    }

    // MARK: HTTP/1.0, and what waits for leave

    @Test func aClientOfOldIsLeftWhenItIsAnswered() async throws {
        try await TestSite.run { site in
            let answer = try await TestHTTPClient.answer(to: "GET / HTTP/1.0\r\n\(Self.host)\r\n", of: site)
            #expect(Self.statuses(answer) == ["200"] && answer.contains("Connection: close"))
            let kept = try await TestHTTPClient(site).exchange([
                "GET /style.css HTTP/1.0\r\n\(Self.host)Connection: keep-alive\r\n\r\n",
                "GET /nowhere HTTP/1.0\r\n\(Self.host)\r\n",
            ])
            #expect(Self.statuses(kept) == ["200", "404"] && kept.contains("Connection: keep-alive"))
            let browser = TestBrowser(site)
            try await browser.signIn()
            let cookie = browser.cookies.map { "\($0)=\($1)" }.joined()
            let export = try await TestHTTPClient.answer(
                to: "GET /account/export.json HTTP/1.0\r\n\(Self.host)Cookie: \(cookie)\r\n"
                    + "Connection: keep-alive\r\n\r\n",
                of: site)
            #expect(!export.lowercased().contains("chunked") && export.contains("\r\n\r\n{\"account\":"))
        }
    }

    @Test func whoAsksForLeaveGetsItWhenTheBodyIsWanted() async throws {
        try await TestSite.run { site in
            let head =
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
                + "Connection: close\r\n\r\n"
            let wanted = try await TestHTTPClient(site).exchange(
                ["POST /oauth/token HTTP/1.1\r\n\(Self.host)\(head)", "a=b"])
            #expect(Self.statuses(wanted) == ["100", "401"])
            // Nobody looks at what somebody sends who has not signed in.
            let unwanted = try await TestHTTPClient.answer(
                to: "POST /account/profile HTTP/1.1\r\n\(Self.host)\(head)", of: site)
            #expect(Self.statuses(unwanted) == ["303"])
        }
    }

    @Test func blanksWhereTheyMayBeDoNoHarm() async throws {
        try await TestSite.run { site in
            let secret = Base64.encode(Array("service:\(site.serviceSecret)".utf8))
            for type in [
                "application/x-www-form-urlencoded ; charset=utf-8", "Application/X-WWW-form-urlencoded;charset=x",
            ] {
                let answer = try await TestBrowser(site).send(
                    .POST, "/oauth/introspect",
                    headers: ["content-type": type, "authorization": "Basic   \(secret)  "],
                    body: "token=x")
                #expect(answer.status == 200 && answer.json["active"] as? Bool == false, "\(answer.text)")
            }
        }
    }

    // MARK: Upgrades

    private static func handshake(_ changes: [String: String] = [:], path: String = "/xmpp-websocket") -> String {
        var fields = [
            "Connection": "keep-alive, Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "chat, xmpp",
        ]
        for (name, value) in changes { fields[name] = value }
        let lines = fields.filter { !$0.value.isEmpty }.map { "\($0.key): \($0.value)\r\n" }
        return "GET \(path) HTTP/1.1\r\n\(host)\(lines.joined())\r\n"
    }

    @Test(arguments: [
        (
            "GET / HTTP/1.1\r\n\(host)Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                + "HTTP2-Settings: AAMAAABk\r\n\r\n", "200"
        ),
        (
            "POST /oauth/token HTTP/1.1\r\n\(host)Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n"
                + "Content-Type: application/x-www-form-urlencoded\r\n\r\na=b", "401"
        ),
        (
            "POST /oauth/token HTTP/1.1\r\n\(host)Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n"
                + "Transfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
                + "3\r\na=b\r\n0\r\n\r\n", "401"
        ),
        (handshake(path: "/nowhere"), "404"),
        (handshake(path: "/"), "200"),
    ])
    func anUpgradeThatIsNotFollowedIsIgnored(_ request: String, _ expected: String) async throws {
        try await TestSite.run(modules: Self.streams) { site in
            let answer = try await TestHTTPClient.answer(to: request, of: site)
            #expect(Self.statuses(answer) == [expected] && answer.contains("Connection: close"))
        }
    }

    @Test(arguments: [
        (["Sec-WebSocket-Version": "8"], "426"), (["Sec-WebSocket-Version": ""], "426"), (["Connection": ""], "426"),
        (["Upgrade": "h2c"], "426"), (["Sec-WebSocket-Key": ""], "400"), (["Sec-WebSocket-Key": "c2hvcnQ="], "400"),
        (["Sec-WebSocket-Protocol": "chat"], "400"), (["Sec-WebSocket-Protocol": ""], "400"),
        (["Content-Length": "3"], "426"),
    ])
    func aHandshakeThatCannotBeAgreedToIsToldWhy(_ changes: [String: String], _ expected: String) async throws {
        try await TestSite.run(modules: Self.streams) { site in
            var request = Self.handshake(changes)
            if changes["Content-Length"] != nil { request += "abc" }
            let answer = try await TestHTTPClient.answer(to: request, of: site, until: "\r\n\r\n").lowercased()
            #expect(answer.hasPrefix("http/1.1 \(expected) "), "\(answer)")
            #expect(answer.contains("sec-websocket-version: 13\r\n") && answer.contains("upgrade: websocket\r\n"))
        }
    }

    @Test(arguments: ["", "GET /style.css HTTP/1.1\r\n\(host)\r\n"])
    func aHandshakeIsAgreedToWhereverItComes(_ before: String) async throws {
        try await TestSite.run(modules: Self.streams) { site in
            let opening = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='\(TestSite.domain)' version='1.0'/>"
            // Masked with zeros, and sent before the server has agreed.
            let length = UInt8(opening.utf8.count)
            let frame = [0x81, 0x80 | 126, 0, length, 0, 0, 0, 0] + Array(opening.utf8)
            let handshake = Self.handshake(["Upgrade": "h2c, WebSocket"])
            let answer = try await TestHTTPClient(site).exchange(
                (before.isEmpty ? [] : [Array(before.utf8)]) + [Array(handshake.utf8) + frame], until: "features")
            #expect(Self.statuses(answer).last == "101" && answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            #expect(answer.contains("features"))
        }
    }
}
