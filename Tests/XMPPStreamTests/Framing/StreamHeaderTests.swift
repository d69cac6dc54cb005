import NIOCore
import Testing
import XML
import XMPP

@testable import XMPPStream

@Suite struct StreamHeaderTests {
    private static let streams = "http://etherx.jabber.org/streams"

    private func header(_ text: String) throws -> StreamHeader {
        var parser = StreamParser(limits: XMLLimits())
        parser.feed(ByteBuffer(string: text))
        guard case .opened(let root) = try parser.next() else { throw StreamError.badFormat }
        return try StreamHeader(root, hasContentNamespace: parser.hasContentNamespace(.client))
    }

    @Test func reads() throws {
        let header = try header(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='\(Self.streams)' "
                + "to='example.org' from='romeo@example.org' version='1.0' xml:lang='de'>")
        #expect(
            header
                == StreamHeader(to: "example.org", from: "romeo@example.org", version: "1.0", language: "de"))
    }

    @Test("Any prefix will do")
    func otherPrefix() throws {
        #expect(try header("<s:stream xmlns:s='\(Self.streams)' xmlns='jabber:client'>").to == nil)
    }

    @Test(arguments: [
        ("<stream:strom xmlns='jabber:client' xmlns:stream='\(streams)'>", StreamError.badFormat),
        ("<html>", .badFormat),
        ("<stream xmlns='jabber:client'>", .invalidNamespace),
        ("<stream:stream xmlns='jabber:client' xmlns:stream='urn:example:streams'>", .invalidNamespace),
        ("<stream:stream xmlns='jabber:server' xmlns:stream='\(streams)'>", .invalidNamespace),
        ("<stream:stream xmlns:stream='\(streams)'>", .invalidNamespace),
        ("<stream xmlns='\(streams)'>", .invalidNamespace),
    ])
    func refuses(_ text: String, _ error: StreamError) {
        #expect(throws: error) { try header(text) }
    }

    @Test func response() {
        var buffer = ByteBuffer()
        StreamHeader.writeResponse(
            to: &buffer, contentNamespace: .client, id: "1a", from: "example.org", to: JID("romeo@example.org"),
            language: "en")
        #expect(
            String(buffer: buffer)
                == "<?xml version=\"1.0\"?><stream:stream xmlns=\"jabber:client\" xmlns:stream=\"\(Self.streams)\" "
                + "id=\"1a\" from=\"example.org\" to=\"romeo@example.org\" version=\"1.0\" xml:lang=\"en\">")
    }

    @Test(
        "What a client calls itself never breaks the header",
        arguments: [
            "a\"b@example.org", "a<b@example.org", "a&b@example.org", "a'b@example.org", "a@exa\"mple.org", "a@<",
        ])
    func hostileFrom(_ from: String) {
        var buffer = ByteBuffer()
        StreamHeader.writeResponse(
            to: &buffer, contentNamespace: .client, id: "1", from: "example.org", to: JID(from)?.bare, language: "en")
        var parser = StreamParser(limits: XMLLimits())
        parser.feed(buffer)
        #expect(throws: Never.self) { _ = try parser.next() }
    }
}
