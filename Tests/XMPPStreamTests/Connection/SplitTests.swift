import NIOCore
import NIOEmbedded
import Testing
import XMPP

@testable import XMPPStream

@Suite("However the bytes are split", .timeLimit(.minutes(10))) struct SplitTests {
    /// A whole session, sent by a client that waits for nothing.
    private static let session = Array(
        ("<?xml version='1.0'?>" + TestStream.header + TestStream.auth + "<?xml version='1.0'?>" + TestStream.header
            + TestStream.bind + "<presence/>\n <message id='1'><body>Wherefore &amp; why, é?</body></message>"
            + TestStream.closingTag).utf8)

    private func output(_ pieces: [ArraySlice<UInt8>]) async throws -> (output: String, received: [String]?) {
        let stream = try await TestStream()
        for piece in pieces where stream.isOpen {
            _ = try await stream.channel.writeInbound(ByteBuffer(bytes: piece))
        }
        try await stream.channel.closeFuture.get()
        return (try await stream.output().withoutStreamIDs, stream.delegate.session?.received)
    }

    @Test("A session in two pieces comes to the same as in one")
    func twoPieces() async throws {
        let whole = try await output([Self.session[...]])
        #expect(whole.received == ["presence", "1"])
        #expect(whole.output.contains("<success xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\" />"))
        #expect(whole.output.contains("<jid>romeo@example.org/home</jid>"))
        #expect(whole.output.hasSuffix("<message>Wherefore &amp; why, é?</message></stream:stream>"))
        for split in 1..<Self.session.count {
            let found = try await output([Self.session[..<split], Self.session[split...]])
            #expect(found == whole, "split at \(split)")
        }
    }

    @Test("And byte by byte")
    func bytes() async throws {
        let whole = try await output([Self.session[...]])
        let found = try await output(Self.session.indices.map { Self.session[$0...$0] })
        #expect(found == whole)
    }
}
