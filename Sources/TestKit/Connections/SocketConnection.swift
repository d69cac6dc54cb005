import NIOCore
import NIOPosix
import NIOSSL
import XMPPServer

/// A connection over TCP.
final class SocketConnection: TestConnection {
    let inbox: Inbox
    private let channel: any Channel
    private let certificate: TestCertificate

    init(
        address: SocketAddress, certificate: TestCertificate, tls host: String?, contentNamespace: Namespace = .client
    ) async throws {
        self.certificate = certificate
        inbox = Inbox(contentNamespace: contentNamespace)
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { [inbox] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let host {
                        try channel.pipeline.syncOperations.addHandler(certificate.makeClientHandler(host: host))
                    }
                    try channel.pipeline.syncOperations.addHandler(ClientInput(inbox))
                }
            }
            .connect(to: address).get()
    }

    func send(_ bytes: ByteBuffer) async throws {
        // The server may have closed the connection meanwhile; the script says what it expects.
        channel.writeAndFlush(bytes, promise: nil)
    }

    func startTLS(host: String) async throws {
        try await channel.eventLoop.submit { [channel, certificate] in
            let handler = try certificate.makeClientHandler(host: host)
            try channel.pipeline.syncOperations.addHandler(handler, position: .first)
        }.get()
    }

    func close() async {
        try? await channel.close()
    }
}

private final class ClientInput: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let inbox: Inbox

    init(_ inbox: Inbox) {
        self.inbox = inbox
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        inbox.feed(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        inbox.end()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
