import NIOCore
import XMPPStream

/// Waits for a connection's first byte: a TLS record (22) begins TLS at once, anything else a stream without TLS.
final class FirstByteHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private static let tlsRecord: UInt8 = 22

    private let stream: StreamConnection

    init(_ stream: StreamConnection) {
        self.stream = stream
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard let first = buffer.readableBytesView.first else { return }
        let pipeline = context.pipeline.syncOperations
        if first == Self.tlsRecord {
            do {
                try pipeline.addHandlers(stream.makeTLSHandlers(), position: .after(self))
            } catch {
                context.close(promise: nil)
                return
            }
        }
        context.fireChannelRead(data)
        pipeline.removeHandler(self, promise: nil)
    }
}
