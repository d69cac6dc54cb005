import NIOCore
import Testing
import XMPP

@testable import XMPPStream

@Suite("The time that a stream has", .timeLimit(.minutes(10))) struct TimeTests {
    private static let timeout = "<connection-timeout xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\" />"

    @Test("A client that says nothing is told so at the deadline, and cut off behind it")
    func silent() async throws {
        let stream = try await TestStream(StubDelegate(signInTime: .seconds(10)))
        await stream.advance(.seconds(10) - .nanoseconds(1))
        #expect(try await stream.output() == "")
        await stream.advance(.nanoseconds(1))
        let output = try await stream.output()
        #expect(output.hasPrefix("<?xml version=\"1.0\"?><stream:stream "))
        #expect(output.hasSuffix("\(Self.timeout)</stream:error></stream:stream>"))
        #expect(stream.isOpen)
        await stream.advance(.seconds(2))
        #expect(!stream.isOpen)
    }

    @Test("Dripping, stream openings and refused sign-ins win no time")
    func dripping() async throws {
        let stream = try await TestStream(StubDelegate(.inClear { $0.attempts = 100 }, signInTime: .seconds(10)))
        try await stream.send(TestStream.header)
        for _ in 0..<9 {
            await stream.advance(.seconds(1))
            try await stream.send("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/> ")
        }
        #expect(stream.delegate.signIns.count == 9)
        _ = try await stream.output()
        await stream.advance(.seconds(1))
        #expect(try await stream.output().contains(Self.timeout))
    }

    @Test("A sign-in that waits for its look-up has no more time than others")
    func slowLookUp() async throws {
        let gate = Gate()
        let stream = try await TestStream(StubDelegate(signInTime: .seconds(10), look: { await gate.opened() }))
        try await stream.send(TestStream.header + TestStream.auth)
        _ = try await stream.output()
        await stream.advance(.seconds(10))
        #expect(try await stream.output().contains(Self.timeout))
        gate.open()
        try await stream.send(TestStream.closingTag)
        #expect(!stream.isOpen)
        #expect(stream.delegate.session == nil)
    }

    @Test("Once a resource is bound the deadline is over")
    func bound() async throws {
        let stream = try await TestStream.bound(StubDelegate(signInTime: .seconds(10)))
        await stream.advance(.hours(1))
        #expect(try await stream.output() == "")
        #expect(stream.isOpen)
    }

    @Test("Stanzas keep a session, white space does not")
    func idle() async throws {
        let stream = try await TestStream.bound(StubDelegate(.inClear { $0.connection.idleTime = .seconds(300) }))
        await stream.advance(.seconds(200))
        try await stream.send("<presence/>")
        await stream.advance(.seconds(299))
        try await stream.send(" \n ")
        #expect(try await stream.output() == "")
        await stream.advance(.seconds(1))
        #expect(
            try await stream.output() == "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\">"
                + "\(Self.timeout)</stream:error></stream:stream>")
        #expect(stream.delegate.session?.end == .error(.connectionTimeout))
        #expect(stream.delegate.session?.ends == 1)
    }

    @Test("What goes to the client does not keep its session")
    func idleReceiver() async throws {
        let stream = try await TestStream.bound(StubDelegate(.inClear { $0.connection.idleTime = .seconds(300) }))
        for _ in 0..<3 {
            await stream.advance(.seconds(100))
            try await stream.onLoop { $0.connection.append(ByteBuffer(string: "<message/>")) }
        }
        await stream.advance(.zero)
        #expect(try await stream.output().contains(Self.timeout))
    }
}

/// Lets everybody through once it is open.
final class Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func open() { continuation.finish() }
    func opened() async { for await _ in stream {} }
}
