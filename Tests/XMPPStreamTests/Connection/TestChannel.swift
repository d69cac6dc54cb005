import NIOCore
import NIOEmbedded
import Synchronization

@testable import XMPPStream

/// A connection on a channel in memory, with a virtual clock.
protocol TestChannel: Sendable {
    var channel: NIOAsyncTestingChannel { get }
    var connection: StreamConnection { get }
    var reads: ReadCounter { get }
}

extension TestChannel {
    static func connect(
        _ connection: StreamConnection, _ reads: ReadCounter, on loop: NIOAsyncTestingEventLoop
    ) async throws -> NIOAsyncTestingChannel {
        let channel = try await NIOAsyncTestingChannel(loop: loop) { channel in
            try channel.pipeline.syncOperations.addHandlers(reads, connection)
        }
        try await channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 5222)).get()
        return channel
    }

    func send(_ text: String) async throws {
        guard channel.isActive else { return }
        try await channel.writeInbound(ByteBuffer(string: text))
    }

    /// The peer closes its side of the connection.
    func sendEnd() async throws {
        try await onLoop { $0.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
    }

    func onLoop<Value: Sendable>(_ body: @escaping @Sendable (Self) throws -> Value) async throws -> Value {
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

/// How often the stream has asked for data.
final class ReadCounter: ChannelOutboundHandler, Sendable {
    typealias OutboundIn = ByteBuffer
    private let counter = Atomic<Int>(0)

    var count: Int { counter.load(ordering: .relaxed) }

    func read(context: ChannelHandlerContext) {
        counter.wrappingAdd(1, ordering: .relaxed)
        context.read()
    }
}
