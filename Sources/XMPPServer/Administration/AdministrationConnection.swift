import Foundation
import NIOCore

/// One connection to the administration socket, on its event loop.
final class AdministrationConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The maximum bytes of a request; the largest contain a photo.
    static let longestRequest = 256 * 1024

    private let administration: Administration
    private var received = ByteBuffer()
    private var isPerforming = false

    init(_ administration: Administration) {
        self.administration = administration
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        guard received.readableBytes <= Self.longestRequest else {
            received.clear()
            context.close(promise: nil)
            return
        }
        performNext(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func performNext(_ context: ChannelHandlerContext) {
        guard !isPerforming, let end = received.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else { return }
        let line = received.readBytes(length: end - received.readerIndex) ?? []
        received.moveReaderIndex(forwardBy: 1)
        isPerforming = true
        context.eventLoop.makeFutureWithTask { [administration] in await administration.answer(line) }
            .assumeIsolated()
            .whenSuccess { reply in
                self.isPerforming = false
                context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: reply)), promise: nil)
                self.received.discardReadBytes()
                self.performNext(context)
            }
    }
}

extension Administration {
    /// Performs a request that is written as a line of JSON.
    ///
    /// - Returns: the reply as a line of JSON, its end included.
    func answer(_ line: [UInt8]) async -> [UInt8] {
        let reply: CommandReply
        if let request = try? JSONDecoder().decode(CommandRequest.self, from: Data(line)) {
            reply = await perform(request)
        } else {
            reply = Self.reply(
                AdministrationError("the running server does not know this request; it may be of another version"))
        }
        // Replies consist of texts, numbers and booleans, which can always be encoded.
        return (try? JSONEncoder().encode(reply)).map { Array($0) + [UInt8(ascii: "\n")] } ?? []
    }
}
