import Foundation
import NIOCore
import NIOEmbedded
import NIOWebSocket
import XMPPServer

/// A connection without a network.
final class MemoryConnection: TestConnection {
    let inbox: Inbox
    let channel: NIOAsyncTestingChannel
    private let loop: NIOAsyncTestingEventLoop
    private let drips: Bool
    private let framing: WebSocketClient?

    /// What a client connects to.
    enum Place: Sendable {
        case clients(ListenerConfiguration)
        /// Components are framed as on TCP.
        case components
    }

    init(server: Server, _ place: Place, loop: NIOAsyncTestingEventLoop, transport: Transport) async throws {
        self.loop = loop
        if case .components = place { inbox = Inbox(contentNamespace: .componentAccept) } else { inbox = Inbox() }
        drips = transport == .drip
        if case .clients = place, transport == .websocket { framing = WebSocketClient() } else { framing = nil }
        channel = NIOAsyncTestingChannel(loop: loop)
        try await channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 40_000))
        try await loop.executeInContext { [channel, inbox, framing] in
            switch place {
            case .components:
                try server.acceptComponent(channel)
            case .clients(let listener) where framing == nil:
                try server.accept(channel, on: listener)
            case .clients(let listener):
                let streams = server.webStreams(of: listener.hosts, redirect: listener.redirect)
                try channel.pipeline.syncOperations.addHandlers([
                    WebSocketFrameEncoder(),
                    ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: streams.maximumFrame)),
                ])
                try streams.acceptWebSocket(channel)
            }
            let output = ServerOutput { [weak channel] bytes in
                guard let framing else { return inbox.feed(bytes) }
                let received = framing.received(bytes)
                inbox.feed(received.octets)
                guard received.closes, let channel else { return }
                Self.fire(framing.close(), channel)
            }
            try channel.pipeline.syncOperations.addHandler(output, position: .first)
        }
        channel.closeFuture.whenComplete { [inbox] _ in inbox.end() }
    }

    func send(_ bytes: ByteBuffer) async throws {
        var bytes = framing?.frames(of: bytes) ?? bytes
        guard drips else { return arrive(bytes) }
        while let byte = bytes.readSlice(length: 1) { arrive(byte) }
    }

    /// The processor time of the event loop for what arrives.
    func processorTime(for bytes: ByteBuffer) async throws -> Duration {
        try await loop.executeInContext { [channel] in
            let begin = Self.threadTime
            Self.fire(bytes, channel)
            return Self.threadTime - begin
        }
    }

    private static var threadTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    private func arrive(_ bytes: ByteBuffer) {
        loop.execute { [channel] in Self.fire(bytes, channel) }
    }

    private static func fire(_ bytes: ByteBuffer, _ channel: NIOAsyncTestingChannel) {
        guard channel.isActive else { return }
        channel.pipeline.fireChannelRead(bytes)
        channel.pipeline.fireChannelReadComplete()
    }

    func startTLS(host: String) async throws {
        throw ConversationFailure("there is no TLS in memory; say `transports tcp`")
    }

    func close() async {
        loop.execute { [channel] in channel.close(promise: nil) }
        await loop.run()
    }
}

/// Passes the server's output to the client.
private final class ServerOutput: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    private let receive: (ByteBuffer) -> Void
    private var unflushed: [ByteBuffer] = []

    init(_ receive: @escaping (ByteBuffer) -> Void) {
        self.receive = receive
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        unflushed.append(unwrapOutboundIn(data))
        promise?.succeed(())
    }

    func flush(context: ChannelHandlerContext) {
        let bytes = unflushed
        unflushed = []
        for bytes in bytes { receive(bytes) }
        context.flush()
    }
}
