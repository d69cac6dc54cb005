import NIOCore
import NIOEmbedded
import Synchronization
import XMPP

@testable import XMPPStream

/// A stream on a channel in memory, with a virtual clock.
final class TestStream: Sendable {
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
    private let reads = ReadCounter()

    /// - Parameter other: whose loop it is on; nil: one of its own.
    init(_ delegate: StubDelegate = StubDelegate(), beside other: TestStream? = nil) async throws {
        self.delegate = delegate
        let loop = other?.channel.testingEventLoop ?? NIOAsyncTestingEventLoop()
        context = other?.context ?? LoopContext(eventLoop: loop)
        connection = StreamConnection(delegate: delegate, loop: context)
        channel = try await NIOAsyncTestingChannel(loop: loop) { [connection, reads] channel in
            try channel.pipeline.syncOperations.addHandlers(reads, connection)
        }
        try await channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 5222)).get()
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

    func send(_ text: String) async throws {
        guard channel.isActive else { return }
        try await channel.writeInbound(ByteBuffer(string: text))
    }

    /// The peer closes its side of the connection.
    func sendEnd() async throws {
        try await onLoop { $0.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
    }

    func onLoop<Value: Sendable>(_ body: @escaping @Sendable (TestStream) throws -> Value) async throws -> Value {
        try await channel.testingEventLoop.executeInContext { try body(self) }
    }

    func advance(_ time: TimeAmount) async {
        await channel.testingEventLoop.advanceTime(by: time)
    }

    /// What has been written until now, one text for each write.
    func writes() async throws -> [String] {
        await channel.testingEventLoop.run()
        var writes: [String] = []
        while let buffer = try await channel.readOutbound(as: ByteBuffer.self) {
            if buffer.readableBytes > 0 { writes.append(String(buffer: buffer)) }
        }
        return writes
    }

    func output() async throws -> String { try await writes().joined() }

    /// What is written until `text` is there. The caller's time limit ends the wait.
    func output(until text: String) async throws -> String {
        var output = ""
        while !output.contains(text) {
            output += String(buffer: try await channel.waitForOutboundWrite(as: ByteBuffer.self))
        }
        return output
    }

    var isOpen: Bool { channel.isActive }

    /// Lets the channel ask for data, as one with automatic reading does after each read, and says whether the stream
    /// let it.
    func isReading() async throws -> Bool {
        let before = reads.count
        try await onLoop { $0.channel.pipeline.read() }
        return reads.count > before
    }

    /// How often the stream has asked for data.
    var readCount: Int { reads.count }

    func setWritable(_ isWritable: Bool) async throws {
        try await onLoop { stream in
            stream.channel.isWritable = isWritable
            stream.channel.pipeline.fireChannelWritabilityChanged()
        }
    }
}

private final class ReadCounter: ChannelOutboundHandler, Sendable {
    typealias OutboundIn = ByteBuffer
    private let counter = Atomic<Int>(0)

    var count: Int { counter.load(ordering: .relaxed) }

    func read(context: ChannelHandlerContext) {
        counter.wrappingAdd(1, ordering: .relaxed)
        context.read()
    }
}

extension String {
    /// With the ids of streams, which are random, taken out.
    var withoutStreamIDs: String { replacing(/xmlns:stream="[^"]*" id="[^"]*"/, with: "…") }
}
