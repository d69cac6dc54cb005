import NIOCore
import NIOEmbedded
import XMPPServer

/// A connection without a network.
final class MemoryConnection: TestConnection {
    let inbox = Inbox()
    let channel: NIOAsyncTestingChannel
    private let loop: NIOAsyncTestingEventLoop
    private let drips: Bool

    init(
        server: Server, listener: ListenerConfiguration, loop: NIOAsyncTestingEventLoop, drips: Bool
    ) async throws {
        self.loop = loop
        self.drips = drips
        channel = NIOAsyncTestingChannel(loop: loop)
        try await channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 40_000))
        try await loop.executeInContext { [channel, inbox] in
            try server.accept(channel, on: listener)
            try channel.pipeline.syncOperations.addHandler(ServerOutput(inbox), position: .first)
        }
        channel.closeFuture.whenComplete { [inbox] _ in inbox.end() }
    }

    func send(_ bytes: ByteBuffer) async throws {
        guard drips else { return arrive(bytes) }
        var bytes = bytes
        while let byte = bytes.readSlice(length: 1) { arrive(byte) }
    }

    private func arrive(_ bytes: ByteBuffer) {
        loop.execute { [channel] in
            guard channel.isActive else { return }
            channel.pipeline.fireChannelRead(bytes)
            channel.pipeline.fireChannelReadComplete()
        }
    }

    func startTLS(host: String) async throws {
        throw ConversationFailure("there is no TLS in memory; say `transports tcp`")
    }

    func close() async {
        loop.execute { [channel] in channel.close(promise: nil) }
        await loop.run()
    }
}

/// Hands the client what the server writes.
private final class ServerOutput: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    private let inbox: Inbox
    private var unflushed: [ByteBuffer] = []

    init(_ inbox: Inbox) {
        self.inbox = inbox
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        unflushed.append(unwrapOutboundIn(data))
        promise?.succeed(())
    }

    func flush(context: ChannelHandlerContext) {
        for bytes in unflushed { inbox.feed(bytes) }
        unflushed = []
        context.flush()
    }
}
