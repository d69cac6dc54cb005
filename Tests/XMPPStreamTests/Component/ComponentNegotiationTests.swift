import Crypto
import NIOCore
import NIOEmbedded
import Synchronization
import Testing
import XML
import XMPP

@testable import XMPPStream

@Suite("A component's stream, XEP-0114", .timeLimit(.minutes(10))) struct ComponentNegotiationTests {
    private static let streams = "http://etherx.jabber.org/streams"

    private static func header(_ domain: String?, namespace: String = "jabber:component:accept") -> String {
        let to = domain.map { " to='\($0)'" } ?? ""
        return "<stream:stream xmlns='\(namespace)' xmlns:stream='\(streams)'\(to)>"
    }

    /// The header that we answer with, and the id in it.
    private static func opened(_ component: TestComponent, _ domain: String = "echo.example.org") async throws -> String
    {
        try await component.send(header(domain))
        let answer = try await component.output()
        let id = try #require(answer.firstMatch(of: #/ id="([^"]+)"/#)?.output.1)
        #expect(
            answer == "<?xml version=\"1.0\"?><stream:stream xmlns=\"jabber:component:accept\" "
                + "xmlns:stream=\"\(streams)\" id=\"\(id)\" from=\"\(domain)\">")
        return String(id)
    }

    private static func handshake(_ id: String, secret: String = "sesame") -> String {
        let digits = Insecure.SHA1.hash(data: Array((id + secret).utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }
        return "<handshake>\(digits.joined())</handshake>"
    }

    private static func connected(
        _ components: StubComponents = StubComponents(), _ domain: String = "echo.example.org"
    ) async throws -> TestComponent {
        let component = try await TestComponent(components)
        let id = try await opened(component, domain)
        try await component.send(handshake(id))
        #expect(try await component.output() == "<handshake />")
        return component
    }

    private static func error(_ name: String) -> String {
        "<stream:error xmlns:stream=\"\(streams)\"><\(name) xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\" />"
            + "</stream:error></stream:stream>"
    }

    // MARK: The handshake

    @Test("Two components on one listener show their secrets")
    func handshake() async throws {
        let components = StubComponents()
        let one = try await Self.connected(components)
        let other = try await Self.connected(components, "rooms.example.org")
        #expect(components.sessions.map(\.jid.string).sorted() == ["echo.example.org", "rooms.example.org"])
        #expect(one.isOpen)
        #expect(other.isOpen)
        #expect(components.refusals == [])
    }

    @Test("Each stream has an id of its own")
    func ids() async throws {
        var ids: Set<String> = []
        for _ in 0..<20 { ids.insert(try await Self.opened(TestComponent())) }
        #expect(ids.count == 20)
        #expect(ids.allSatisfy { $0.utf8.count >= 16 })
    }

    @Test("A wrong secret is tried once for each connection", arguments: ["guess", "", "Sesame", "sesame "])
    func wrongSecret(_ secret: String) async throws {
        let component = try await TestComponent()
        let id = try await Self.opened(component)
        try await component.send(Self.handshake(id, secret: secret) + Self.handshake(id))
        #expect(try await component.output() == Self.error("not-authorized"))
        #expect(component.components.sessions.isEmpty)
        #expect(component.components.refusals == ["echo.example.org"])
        await component.advance(.seconds(2))
        #expect(!component.isOpen)
    }

    @Test("Nothing but the very digits will do")
    func otherDigits() async throws {
        for change: (String) -> String in [
            { $0.uppercased() }, { $0 + " " }, { " " + $0 }, { String($0.dropLast()) }, { _ in "" }, { $0 + "\0" },
        ] {
            let component = try await TestComponent()
            let id = try await Self.opened(component)
            let digits = Self.handshake(id).dropFirst(11).dropLast(12)
            let changed = change(String(digits)).replacing("\0", with: "&#9;")
            // An id without letters would do in either case.
            guard changed != digits else { continue }
            try await component.send("<handshake>\(changed)</handshake>")
            #expect(try await component.output() == Self.error("not-authorized"))
            #expect(component.components.sessions.isEmpty)
        }
    }

    @Test("The handshake of another stream is worth nothing")
    func replay() async throws {
        let one = try await TestComponent()
        let other = try await TestComponent()
        let id = try await Self.opened(one)
        _ = try await Self.opened(other)
        try await other.send(Self.handshake(id))
        #expect(try await other.output() == Self.error("not-authorized"))
    }

    @Test(
        "However the handshake names its namespace",
        arguments: [
            " xmlns='jabber:component:accept'", " xmlns=\"jabber:component:accept\"",
            " xmlns='jabber:component&#58;accept'",
        ])
    func explicitNamespace(_ declaration: String) async throws {
        let component = try await TestComponent()
        let id = try await Self.opened(component)
        try await component.send(Self.handshake(id).replacing("<handshake>", with: "<handshake\(declaration)>"))
        #expect(try await component.output() == "<handshake />")
    }

    @Test("A component that is there already is told so when it has shown the secret")
    func conflict() async throws {
        let components = StubComponents()
        let first = try await Self.connected(components)
        let second = try await TestComponent(components)
        let id = try await Self.opened(second)
        try await second.send(Self.handshake(id) + "<message/>")
        #expect(try await second.output() == Self.error("conflict"))
        #expect(components.sessions.count == 1)
        #expect(first.isOpen)
        await second.advance(.seconds(2))
        #expect(!second.isOpen)
    }

    // MARK: Headers

    @Test(
        "A header that is not a component's",
        arguments: [
            (header("nobody.example.org"), "host-unknown"),
            (header(nil), "host-unknown"),
            (header(""), "host-unknown"),
            (header("a@echo.example.org"), "host-unknown"),
            (header("echo.example.org/x"), "host-unknown"),
            (header("exa mple"), "host-unknown"),
            (header("echo.example.org", namespace: "jabber:client"), "invalid-namespace"),
            (header("echo.example.org", namespace: "jabber:server"), "invalid-namespace"),
            (header("echo.example.org", namespace: "jabber:component:connect"), "invalid-namespace"),
            ("<stream xmlns='jabber:component:accept' to='echo.example.org'>", "invalid-namespace"),
            ("<message xmlns='jabber:component:accept'/>", "bad-format"),
            ("<?xml version='1.0' encoding='latin1'?>", "unsupported-encoding"),
        ])
    func refusedHeaders(_ header: String, _ error: String) async throws {
        let component = try await TestComponent()
        try await component.send(header)
        let output = try await component.output()
        #expect(output.hasPrefix("<?xml version=\"1.0\"?><stream:stream xmlns=\"jabber:component:accept\""))
        #expect(output.contains(" from=\"example.org\">"))
        #expect(output.hasSuffix(Self.error(error)))
        await component.advance(.seconds(2))
        #expect(!component.isOpen)
        #expect(component.components.sessions.isEmpty)
    }

    @Test("A second header is an element like others")
    func secondHeader() async throws {
        let component = try await TestComponent()
        _ = try await Self.opened(component)
        try await component.send(Self.header("rooms.example.org") + "</stream:stream>")
        #expect(try await component.output() == Self.error("not-authorized"))
        #expect(component.components.sessions.isEmpty)
    }

    // MARK: Strangers

    @Test("Whatever is wrong with what a stranger sends, it gets no session")
    func damaged() async throws {
        let components = StubComponents()
        let text = Self.header("echo.example.org") + Self.handshake("guess") + "<message/>"
        for index in 0..<text.utf8.count {
            var bytes = Array(text.utf8)
            bytes[index] = Array("<>/='\":& a".utf8)[index % 10]
            let component = try await TestComponent(components)
            try await component.channel.writeInbound(ByteBuffer(bytes: bytes))
            await component.advance(.seconds(40))
            #expect(!component.isOpen)
        }
        #expect(components.sessions.isEmpty)
    }

    @Test(
        "Nothing else is heard before the handshake",
        arguments: [
            "<message/>", "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
            "<handshake xmlns='urn:example:x'>1</handshake>", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        ])
    func early(_ element: String) async throws {
        let component = try await TestComponent()
        _ = try await Self.opened(component)
        try await component.send(element)
        #expect(try await component.output() == Self.error("not-authorized"))
        #expect(component.components.sessions.isEmpty)
    }

    @Test("A stranger has its time, whatever it sends")
    func deadline() async throws {
        let silent = try await TestComponent()
        await silent.advance(.seconds(30))
        #expect(try await silent.output().hasSuffix(Self.error("connection-timeout")))
        let slow = try await TestComponent()
        _ = try await Self.opened(slow)
        for _ in 0..<29 {
            await slow.advance(.seconds(1))
            try await slow.send(" ")
        }
        #expect(slow.isOpen)
        await slow.advance(.seconds(1))
        #expect(try await slow.output() == Self.error("connection-timeout"))
        let known = try await Self.connected()
        await known.advance(.hours(24))
        #expect(known.isOpen)
    }

    @Test("A stranger's elements are small")
    func limits() async throws {
        let component = try await TestComponent(
            StubComponents(unauthenticatedLimits: XMLLimits(stanzaBytes: 1_000)))
        _ = try await Self.opened(component)
        try await component.send("<handshake>" + String(repeating: "0", count: 2_000))
        let output = try await component.output()
        #expect(output.contains("<policy-violation") && output.hasSuffix("</stream:stream>"))
        let known = try await Self.connected(StubComponents(unauthenticatedLimits: XMLLimits(stanzaBytes: 1_000)))
        try await known.send("<message id='large'><body>" + String(repeating: "0", count: 5_000) + "</body></message>")
        #expect(known.components.sessions.first?.received == ["large"])
    }

    // MARK: Stanzas

    @Test("Stanzas are those of clients, whatever they name")
    func stanzas() async throws {
        let component = try await Self.connected()
        try await component.send(
            "<message id='1'/>  \n<presence id='2' xmlns='jabber:component:accept'/><iq id='3' xmlns='jabber:client'/>")
        let session = try #require(component.components.sessions.first)
        #expect(session.received == ["1", "2", "3"])
        try await component.send("<x xmlns='urn:example:x'/>")
        #expect(try await component.output() == Self.error("unsupported-stanza-type"))
        #expect(session.end == .error(.unsupportedStanzaType))
    }

    @Test("What goes out is in the stream's namespace")
    func output() async throws {
        let component = try await Self.connected()
        try await component.onLoop { component in
            let stream = component.components.sessions.first?.stream
            stream?.write { writer in writer.element("message", .client) { $0.element("body", text: "1") } }
            stream?.send(ByteBuffer(string: "<message><body xmlns='jabber:client'>2</body></message>"))
        }
        let written = try await component.output()
        #expect(written.contains("<message><body>1</body></message>"))
        var parser = StreamParser(limits: XMLLimits())
        parser.feed(ByteBuffer(string: Self.header("echo.example.org") + written))
        _ = try parser.next()
        for _ in 0..<2 {
            guard case .element(let message)? = try parser.next() else { throw CancellationError() }
            #expect(message.isNamed("message", .componentAccept))
            #expect(message.hasChild("body", .componentAccept))
        }
    }

    @Test("Stanzas sent with the handshake are heard, and a second handshake is none")
    func pipelined() async throws {
        let component = try await TestComponent()
        let id = try await Self.opened(component)
        try await component.send(Self.handshake(id) + "<message id='1'/>" + Self.handshake(id))
        let session = try #require(component.components.sessions.first)
        #expect(session.received == ["1", "handshake"])
        #expect(session.begins == 1)
    }

    @Test("The session can hold the component back, and is told once that it has gone")
    func holdAndEnd() async throws {
        let component = try await Self.connected()
        let session = try #require(component.components.sessions.first)
        try await component.onLoop { _ in session.stream.pauseReading() }
        try await component.send("<message id='1'/>")
        #expect(session.received == [])
        try await component.onLoop { _ in session.stream.resumeReading() }
        #expect(session.received == ["1"])
        try await component.send("</stream:stream>")
        #expect(try await component.output() == "</stream:stream>")
        #expect(!component.isOpen)
        #expect(session.end == .closed)
        #expect(session.ends == 1)
    }

    @Test("A component that does not read is cut off")
    func slowReader() async throws {
        let component = try await Self.connected(StubComponents { $0.outgoingQueue = 10_000 })
        let session = try #require(component.components.sessions.first)
        try await component.setWritable(false)
        let stanza = ByteBuffer(string: "<message>" + String(repeating: "x", count: 1_000) + "</message>")
        try await component.onLoop { _ in for _ in 0..<11 { session.stream.send(stanza) } }
        #expect(!component.isOpen)
        #expect(session.end == .error(.resourceConstraint))
    }

    @Test("A component is read no faster than it may send")
    func rate() async throws {
        let component = try await Self.connected(StubComponents { $0.stanzas = .init(perSecond: 1, burst: 2) })
        let session = try #require(component.components.sessions.first)
        try await component.send((1...5).map { "<message id='\($0)'/>" }.joined())
        #expect(session.received.count < 5)
        await component.advance(.seconds(5))
        #expect(session.received == ["1", "2", "3", "4", "5"])
    }

    @Test(
        "Bytes that are no XML end the stream, before and after the handshake",
        arguments: [
            "<a></b>", "<!DOCTYPE x>", "<!-- -->", "\u{0}", "<a b='1' b='2'/>", "<x:y/>",
        ])
    func malformed(_ bytes: String) async throws {
        for component in [try await TestComponent(), try await Self.connected()] {
            try await component.send(bytes)
            #expect(try await component.output().hasSuffix("</stream:stream>"))
            await component.advance(.seconds(2))
            #expect(!component.isOpen)
        }
    }
}
