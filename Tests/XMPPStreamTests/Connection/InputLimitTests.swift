import NIOCore
import Testing
import XML
import XMPP

@testable import XMPPStream

@Suite("What a stream does not take", .timeLimit(.minutes(10))) struct InputLimitTests {
    private static let open = "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\">"
    private static let close = "</stream:error></stream:stream>"
    private static let errors = "xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\""

    private func error(_ settings: NegotiationSettings, _ input: String) async throws -> String {
        let stream = try await TestStream.bound(StubDelegate(settings))
        try await stream.send(input)
        let output = try await stream.output()
        #expect(output.hasPrefix(Self.open))
        #expect(output.hasSuffix(Self.close))
        #expect(stream.delegate.session?.ends == 1)
        return String(output.dropFirst(Self.open.count).dropLast(Self.close.count))
    }

    private static let large = "<message><body>" + String(repeating: "x", count: 20_000)

    @Test func oversizedStanza() async throws {
        let settings = NegotiationSettings.inClear { $0.connection.limits.stanzaBytes = 16_384 }
        let error = try await error(settings, Self.large)
        #expect(error.hasPrefix("<policy-violation \(Self.errors) /><text "))
    }

    @Test("Where it is set so, an oversized stanza is malformed, with a text that old clients know")
    func oversizedStanzaOfMessenger() async throws {
        let settings = NegotiationSettings.inClear {
            $0.connection.limits.stanzaBytes = 16_384
            $0.oversizedStanza = .notWellFormed
            $0.malformedTextPrefix = "XmlException due to: "
        }
        let error = try await error(settings, Self.large)
        #expect(error.hasPrefix("<not-well-formed \(Self.errors) /><text \(Self.errors)"))
        #expect(error.contains(">XmlException due to: Unexpected end of file"))
        #expect(error.contains(" Line 1, position "))
    }

    @Test func malformed() async throws {
        let settings = NegotiationSettings.inClear { $0.malformedTextPrefix = "XmlException due to: " }
        let error = try await error(settings, "<message><body></message>")
        #expect(error.hasPrefix("<not-well-formed \(Self.errors) />"))
        #expect(error.contains(">XmlException due to: "))
    }

    @Test(arguments: [
        ("<!-- x -->", "restricted-xml"), ("<?php ?>", "restricted-xml"),
        ("<!DOCTYPE x [<!ENTITY y \"z\">]>", "restricted-xml"), ("<message><x:y/></message>", "bad-namespace-prefix"),
        ("<message>\u{1}</message>", "not-well-formed"), ("text", "not-well-formed"),
        (String(repeating: "<x>", count: 200), "policy-violation"),
    ])
    func conditions(_ input: String, _ condition: String) async throws {
        #expect(try await error(.inClear(), input).hasPrefix("<\(condition) \(Self.errors) />"))
    }

    @Test("Before sign-in the limits for strangers hold, afterwards the host's")
    func limitsBeforeSignIn() async throws {
        let small = XMLLimits(stanzaBytes: 1_000)
        let body = String(repeating: "x", count: 2_000)
        let stranger = try await TestStream(StubDelegate(unauthenticatedLimits: small))
        try await stranger.send(TestStream.header + "<auth xmlns='\(Namespace.sasl)' mechanism='PLAIN'>" + body)
        #expect(try await stranger.output().contains("<policy-violation "))

        let stream = try await TestStream.bound(StubDelegate(unauthenticatedLimits: small))
        try await stream.send("<message id='1'><body>\(body)</body></message>")
        #expect(stream.delegate.session?.received == ["1"])
    }

    @Test(
        "Garbage before the header gets a header of ours and the error",
        arguments: [
            "GET / HTTP/1.1\r\n\r\n", "\0", "<html>", "<?xml-stylesheet?>", "<stream:stream>", "\u{FEFF}<a>",
            "<!DOCTYPE a>",
        ])
    func garbage(_ input: String) async throws {
        let stream = try await TestStream()
        try await stream.send(input)
        let output = try await stream.output()
        #expect(output.hasPrefix("<?xml version=\"1.0\"?><stream:stream xmlns=\"jabber:client\" "))
        #expect(output.hasSuffix(Self.close))
        // And what follows changes nothing.
        try await stream.send(TestStream.header + TestStream.auth)
        #expect(try await stream.output() == "")
        await stream.advance(.seconds(2))
        #expect(!stream.isOpen)
    }
}
