import NIOCore
import Testing
import XML
import XMPP

@testable import XMPPStream

@Suite("The end of a stream", .timeLimit(.minutes(10))) struct ClosingTests {
    private static let shutdown =
        "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\">"
        + "<system-shutdown xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\" /></stream:error></stream:stream>"

    // MARK: The client closes

    @Test("The client's closing tag is answered, behind all that waits")
    func peerCloses() async throws {
        let stream = try await TestStream.bound()
        try await stream.send("<message><body>1</body></message>" + TestStream.closingTag)
        #expect(try await stream.writes() == ["<message>1</message></stream:stream>"])
        #expect(!stream.isOpen)
        #expect(stream.delegate.session?.end == .closed)
        #expect(stream.delegate.session?.ends == 1)
    }

    @Test func peerClosesBeforeSignIn() async throws {
        let stream = try await TestStream()
        try await stream.send(TestStream.header + TestStream.closingTag)
        #expect(try await stream.output().hasSuffix("</stream:features></stream:stream>"))
        #expect(!stream.isOpen)
    }

    @Test("A client that has just stopped reading still gets all of it")
    func peerClosesUnread() async throws {
        let stream = try await TestStream.bound()
        try await stream.setWritable(false)
        try await stream.send("<message><body>1</body></message>" + TestStream.closingTag)
        #expect(try await stream.output() == "<message>1</message></stream:stream>")
    }

    @Test("The end of the connection ends the session, without a word")
    func connectionEnds() async throws {
        let stream = try await TestStream.bound()
        try await stream.sendEnd()
        #expect(try await stream.output() == "")
        #expect(!stream.isOpen)
        #expect(stream.delegate.session?.end == .lost)
    }

    // MARK: We close

    @Test("We wait for the client's closing tag", arguments: 1..<TestStream.closingTag.count)
    func weClose(_ split: Int) async throws {
        let stream = try await TestStream.bound()
        try await stream.onLoop { $0.connection.close(.systemShutdown) }
        #expect(try await stream.writes() == [Self.shutdown])
        #expect(stream.delegate.session?.end == .error(.systemShutdown))
        #expect(stream.isOpen)
        await stream.advance(.milliseconds(1_999))
        #expect(stream.isOpen)
        // Stanzas that were on their way are not for us any more.
        try await stream.send("<message id='late'><body>1</body></message>" + TestStream.closingTag.prefix(split))
        #expect(stream.isOpen)
        try await stream.send(String(TestStream.closingTag.dropFirst(split)))
        #expect(!stream.isOpen)
        #expect(stream.delegate.session?.received == [])
        #expect(stream.delegate.session?.ends == 1)
        #expect(try await stream.output() == "")
    }

    @Test("But no longer than two seconds")
    func peerDoesNotClose() async throws {
        let stream = try await TestStream.bound()
        try await stream.onLoop { $0.connection.close(.systemShutdown) }
        try await stream.send("<message/><x></y>")
        await stream.advance(.seconds(2) - .nanoseconds(1))
        #expect(stream.isOpen)
        await stream.advance(.nanoseconds(1))
        #expect(!stream.isOpen)
    }

    @Test func peerCutsOff() async throws {
        let stream = try await TestStream.bound()
        try await stream.onLoop { $0.connection.close(.systemShutdown) }
        try await stream.sendEnd()
        #expect(!stream.isOpen)
    }

    @Test("A client that was held up is heard when it closes")
    func held() async throws {
        let stream = try await TestStream.bound()
        try await stream.onLoop { $0.connection.pauseReading() }
        #expect(try await !stream.isReading())
        try await stream.send("<message id='1'/>" + TestStream.closingTag)
        #expect(stream.isOpen)
        try await stream.onLoop { $0.connection.close(.conflict) }
        #expect(!stream.isOpen)
        #expect(stream.delegate.session?.received == [])
    }

    @Test("Nothing is sent behind the closing tag")
    func silence() async throws {
        let stream = try await TestStream.bound()
        try await stream.onLoop { stream in
            stream.connection.close(.systemShutdown)
            stream.connection.append(ByteBuffer(string: "<message/>"))
            stream.connection.write { $0.element("message", .client) }
            stream.connection.close(.conflict)
        }
        try await stream.send("<x></y>" + TestStream.closingTag)
        #expect(try await stream.output() == Self.shutdown)
        await stream.advance(.seconds(2))
        try await stream.onLoop { $0.connection.close(.conflict) }
        #expect(try await stream.output() == "")
    }

    @Test("All streams of a loop are shut down, whatever state they are in")
    func shutDown() async throws {
        let unopened = try await TestStream()
        let task = Task { await unopened.context.shutDown() }
        let output = try await unopened.output(until: "</stream:stream>")
        #expect(output.hasSuffix(Self.shutdown))
        #expect(output.hasPrefix("<?xml version=\"1.0\"?><stream:stream "))
        await unopened.advance(.seconds(2))
        await task.value
        #expect(!unopened.isOpen)
    }

    // MARK: Refused sign-ins

    @Test("With one attempt the connection ends right behind the failure")
    func oneAttempt() async throws {
        let stream = try await TestStream(StubDelegate(.inClear { $0.attempts = 1 }))
        try await stream.send(TestStream.header)
        _ = try await stream.output()
        try await stream.send("<auth xmlns='\(Namespace.sasl)' mechanism='PLAIN'>AHJvbWVvAGd1ZXNz</auth>")
        let output = try await stream.output(until: "</failure>")
        #expect(output == "<failure xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\"><not-authorized /></failure>")
        #expect(try await stream.output() == "")
        #expect(!stream.isOpen)
        #expect(stream.delegate.signIns == ["not-authorized"])
    }

    @Test func threeAttempts() async throws {
        let stream = try await TestStream()
        try await stream.send(TestStream.header)
        for attempt in 1...3 {
            try await stream.send("<auth xmlns='\(Namespace.sasl)' mechanism='PLAIN'>AHJvbWVvAGd1ZXNz</auth>")
            let output = try await stream.output(until: "</failure>") + stream.output()
            #expect(output.contains("<policy-violation ") == (attempt == 3))
        }
        #expect(stream.isOpen)
        try await stream.send(TestStream.closingTag)
        #expect(!stream.isOpen)
    }

    // MARK: Redirects

    private func redirected() async throws -> TestStream {
        let stream = try await TestStream(
            StubDelegate(
                .inClear {
                    $0.offersTLS = true
                    $0.redirect = .init(stage: .beforeTLS, target: "node.example.org:443")
                }, redirectTime: .seconds(4)))
        try await stream.send(TestStream.header)
        #expect(
            try await stream.output().hasSuffix(
                "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\">"
                    + "<see-other-host xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\">node.example.org:443"
                    + "</see-other-host></stream:error>"))
        #expect(stream.isOpen)
        return stream
    }

    @Test("A redirected client closes first", arguments: 0..<TestStream.closingTag.count)
    func redirectedClientCloses(_ split: Int) async throws {
        let stream = try await redirected()
        await stream.advance(.milliseconds(3_999))
        try await stream.send(" <starttls xmlns='\(Namespace.tls)'/>" + TestStream.closingTag.prefix(split))
        #expect(try await stream.output() == "")
        #expect(stream.isOpen)
        try await stream.send(String(TestStream.closingTag.dropFirst(split)))
        #expect(try await stream.writes() == ["</stream:stream>"])
        #expect(!stream.isOpen)
    }

    @Test func redirectedClientCutsOff() async throws {
        let stream = try await redirected()
        try await stream.sendEnd()
        #expect(try await stream.writes() == ["</stream:stream>"])
        #expect(!stream.isOpen)
    }

    @Test("Or has had its time to")
    func redirectedClientStays() async throws {
        let stream = try await redirected()
        await stream.advance(.seconds(4) - .nanoseconds(1))
        #expect(try await stream.output() == "")
        await stream.advance(.nanoseconds(1))
        #expect(try await stream.writes() == ["</stream:stream>"])
        #expect(!stream.isOpen)
    }

    @Test("A stream has one error: a redirected client gets no second one")
    func shutDownWhileRedirected() async throws {
        let stream = try await redirected()
        try await stream.send("<x></y>")
        try await stream.onLoop { $0.connection.close(.systemShutdown) }
        #expect(try await stream.output() == "</stream:stream>")
        #expect(!stream.isOpen)
    }
}
