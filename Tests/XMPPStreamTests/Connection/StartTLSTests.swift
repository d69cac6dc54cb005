import NIOCore
import Testing
import XMPP

@testable import XMPPStream

@Suite("STARTTLS on a connection", .timeLimit(.minutes(10))) struct StartTLSTests {
    private static let startTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    private let delegate = StubDelegate(.example(mechanisms: [.plain]))

    @Test func proceeds() async throws {
        let stream = try await TestStream(delegate)
        try await stream.send(TestStream.header)
        let features = try await stream.output()
        #expect(features.contains("<starttls xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"><required /></starttls>"))
        #expect(!features.contains("<mechanism"))
        try await stream.send(Self.startTLS)
        #expect(try await stream.writes() == ["<proceed xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\" />"])
        try await stream.onLoop { $0.delegate.tlsHandler?.establish() }
        try await stream.send(TestStream.header)
        #expect(try await stream.output().contains("<mechanism>PLAIN</mechanism>"))
    }

    @Test(
        "What a client sends in one go with <starttls/> ends the stream",
        arguments: [
            TestStream.header, "<iq type='get' id='1'/>", " \n<iq/>", "\u{c}", "\u{16}\u{3}\u{1}",
        ])
    func behindStartTLS(_ injected: String) async throws {
        let stream = try await TestStream(delegate)
        try await stream.send(TestStream.header + Self.startTLS + injected)
        let output = try await stream.output()
        #expect(output.contains("<policy-violation "))
        #expect(!output.contains("<proceed"))
        #expect(stream.delegate.tlsHandler == nil)
    }

    @Test("White space behind <starttls/> is dropped, in one go with it or later", arguments: [" ", "\r\n", "\n\t "])
    func blanks(_ blanks: String) async throws {
        let stream = try await TestStream(delegate)
        try await stream.send(TestStream.header + Self.startTLS + blanks)
        _ = try await stream.output(until: "<proceed")
        try await stream.send(blanks)
        try await stream.send(blanks + "\u{16}\u{3}\u{1} ")
        #expect(try await stream.onLoop { $0.delegate.tlsHandler?.early } == "\u{16}\u{3}\u{1} ")
    }

    @Test("What comes in clear behind <starttls/> is for TLS to refuse, never part of the stream")
    func betweenProceedAndTLS() async throws {
        let stream = try await TestStream(delegate)
        try await stream.send(TestStream.header + Self.startTLS)
        _ = try await stream.output(until: "<proceed")
        try await stream.send(TestStream.header + TestStream.auth)
        #expect(try await stream.onLoop { $0.delegate.tlsHandler?.early } == TestStream.header + TestStream.auth)
        #expect(try await stream.output() == "")
        #expect(stream.delegate.signIns.isEmpty)
    }

    @Test("A slow reader gets all that was said in clear in clear")
    func slowReader() async throws {
        let stream = try await TestStream(delegate)
        try await stream.setWritable(false)
        try await stream.send(TestStream.header + Self.startTLS)
        let output = try await stream.output()
        #expect(output.contains("</stream:features><proceed "))
        try await stream.setWritable(true)
        #expect(try await stream.output() == "")
    }
}
