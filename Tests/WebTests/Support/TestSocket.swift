import NIOCore
import NIOPosix

/// A WebSocket that says by way of a proxy whose it is.
struct TestSocket {
    private final class Inbox: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        let received: AsyncStream<ByteBuffer>
        private let continuation: AsyncStream<ByteBuffer>.Continuation

        init() { (received, continuation) = AsyncStream.makeStream() }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { continuation.yield(unwrapInboundIn(data)) }
        func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private let channel: any Channel
    private let inbox: Inbox

    init(_ site: TestSite, from address: String) async throws {
        let inbox = Inbox()
        self.inbox = inbox
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(inbox) }
            }
            .connect(host: "127.0.0.1", port: site.port).get()
        let request = """
            GET /xmpp-websocket HTTP/1.1\r
            Host: \(TestSite.domain):\(site.port)\r
            X-Forwarded-For: \(address)\r
            Connection: Upgrade\r
            Upgrade: websocket\r
            Sec-WebSocket-Version: 13\r
            Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r
            Sec-WebSocket-Protocol: xmpp\r
            \r

            """
        try await channel.writeAndFlush(ByteBuffer(string: request))
    }

    /// Whether a ping is answered.
    func isOpen() async -> Bool {
        var isUpgraded = false
        for await bytes in inbox.received {
            if bytes.readableBytesView.contains(0x8A) { return true }
            if !isUpgraded, String(buffer: bytes).hasPrefix("HTTP/1.1 101") {
                isUpgraded = true
                // A ping without data, masked.
                try? await channel.writeAndFlush(ByteBuffer(bytes: [0x89, 0x80, 1, 2, 3, 4]))
            }
        }
        return false
    }
}
