import NIOCore
import NIOEmbedded
import XMPP

@testable import XMPPStream

/// A client's stream on a channel in memory.
final class TestStream: TestChannel {
    static let header =
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.org' "
        + "version='1.0'>"
    static let auth =
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHdoZXJlZm9yZQ==</auth>"
    static let bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
    static let closingTag = "</stream:stream>"

    let channel: NIOAsyncTestingChannel
    let context: LoopContext
    let connection: StreamConnection
    let delegate: StubDelegate
    let reads = ReadCounter()

    /// - Parameter other: whose loop it is on; nil: one of its own.
    init(_ delegate: StubDelegate = StubDelegate(), beside other: TestStream? = nil) async throws {
        self.delegate = delegate
        let loop = other?.channel.testingEventLoop ?? NIOAsyncTestingEventLoop()
        context = other?.context ?? LoopContext(eventLoop: loop)
        connection = StreamConnection(delegate: delegate, loop: context)
        channel = try await Self.connect(connection, reads, on: loop)
    }

    /// Romeo with a bound resource; everything that was sent so far has been taken away.
    static func bound(
        _ delegate: StubDelegate = StubDelegate(), beside other: TestStream? = nil
    ) async throws -> TestStream {
        let stream = try await TestStream(delegate, beside: other)
        for (sent, answer) in [
            (header, "</stream:features>"), (auth, "<success"), (header, "</stream:features>"), (bind, "</iq>"),
        ] {
            try await stream.send(sent)
            _ = try await stream.output(until: answer)
        }
        return stream
    }
}

extension String {
    /// With the ids of streams, which are random, taken out.
    var withoutStreamIDs: String { replacing(/xmlns:stream="[^"]*" id="[^"]*"/, with: "…") }
}
