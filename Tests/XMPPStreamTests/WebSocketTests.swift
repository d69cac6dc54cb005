import NIOCore
import NIOEmbedded
import NIOWebSocket
import Testing

@testable import XMPPStream

/// The frames of RFC 6455, without a stream behind them; what is said in them is the matter of the conversation scripts.
@Suite struct WebSocketTests {
    /// What comes out of the handler towards the stream.
    private final class Stream: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        var messages: [String] = []
        var events: [String] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            messages.append(String(buffer: unwrapInboundIn(data)))
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            events.append("\(event)")
        }
    }

    private let channel = EmbeddedChannel()
    private let stream = Stream()

    init() throws {
        try channel.pipeline.syncOperations.addHandlers([WebSocketHandler(maximumMessage: { 10 }), stream])
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 1)).wait()
    }

    private func receive(_ opcode: WebSocketOpcode, _ text: String, fin: Bool = true, masked: Bool = true) throws {
        let key: WebSocketMaskingKey? = masked ? [1, 2, 3, 4] : nil
        var data = ByteBuffer(string: text)
        if let key { data.webSocketMask(key) }
        try channel.writeInbound(WebSocketFrame(fin: fin, opcode: opcode, maskKey: key, data: data))
    }

    private func sent() throws -> WebSocketFrame? { try channel.readOutbound() }

    private func sentCode() throws -> WebSocketErrorCode? {
        guard var frame = try sent(), frame.opcode == .connectionClose else { return nil }
        return frame.data.readWebSocketErrorCode()
    }

    @Test func fragmentsAreOneMessage() throws {
        try receive(.text, "<a", fin: false)
        try receive(.ping, "still there?")
        try receive(.continuation, "", fin: false)
        try receive(.continuation, "/>")
        #expect(stream.messages == ["<a/>"])
        let pong = try #require(try sent())
        #expect(pong.opcode == .pong && String(buffer: pong.data) == "still there?")
    }

    @Test func aMessageOverTheLimitIsNotKept() throws {
        try receive(.text, "12345", fin: false)
        try receive(.continuation, "678901", fin: false)
        try receive(.continuation, "2", fin: true)
        try receive(.text, "<a/>")
        #expect(stream.messages.isEmpty)
        #expect(stream.events == ["MessageTooLarge()"])
    }

    @Test func aFrameThatTheDecoderRefusesIsTooLarge() throws {
        channel.pipeline.fireErrorCaught(NIOWebSocketError.invalidFrameLength)
        #expect(stream.events == ["MessageTooLarge()"])
    }

    @Test(arguments: [
        (WebSocketOpcode.text, false, WebSocketErrorCode.protocolError),
        (.continuation, true, .protocolError),
        (.binary, true, .unacceptableData),
    ])
    func whatMayNotBeSentEndsTheConnection(_ opcode: WebSocketOpcode, masked: Bool, code: WebSocketErrorCode) throws {
        try receive(opcode, "<a/>", masked: masked)
        #expect(try sentCode() == code)
        #expect(stream.events == ["inputClosed"])
        try receive(.text, "<a/>")
        #expect(stream.messages.isEmpty)
    }

    @Test func aMessageInsideAMessageIsRefused() throws {
        try receive(.text, "<a", fin: false)
        try receive(.text, "<b/>")
        #expect(try sentCode() == .protocolError)
    }

    @Test func theClientCloses() throws {
        try receive(.connectionClose, "\u{3}\u{78}")
        #expect(stream.events == ["inputClosed"])
        _ = try #require(try sent())
        channel.close(promise: nil)
        #expect(!channel.isActive)
        #expect(try sent() == nil)
    }

    @Test func weCloseAndTheClientAgrees() throws {
        channel.close(promise: nil)
        #expect(try sentCode() == .normalClosure)
        #expect(channel.isActive)
        try receive(.connectionClose, "")
        #expect(!channel.isActive)
    }

    @Test func weCloseAndTheClientIsGone() throws {
        channel.close(promise: nil)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }

    @Test func weCloseAndTheClientIsCutOff() throws {
        channel.close(promise: nil)
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(!channel.isActive)
    }

    @Test func nothingIsSaidBehindAClose() throws {
        try receive(.connectionClose, "")
        _ = try sent()
        #expect(throws: ChannelError.outputClosed) { try channel.writeOutbound(ByteBuffer(string: "<a/>")) }
        #expect(try sent() == nil)
    }
}
