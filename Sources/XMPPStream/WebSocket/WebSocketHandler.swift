import NIOCore
import NIOWebSocket

/// The messages of a WebSocket connection, the server's side of RFC 6455: assembles fragments, answers pings, and
/// performs the closing handshake. Text only; messages that are too large are dropped.
///
/// Inside the server a message is a `ByteBuffer`, in both directions. The end of the client's messages is
/// `ChannelEvent.inputClosed`, one that is too large a `MessageTooLarge`.
public final class WebSocketHandler: ChannelDuplexHandler {
    public typealias InboundIn = WebSocketFrame
    public typealias InboundOut = ByteBuffer
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = WebSocketFrame

    /// The client's message is too large; it may be incomplete.
    struct MessageTooLarge {}

    private enum State {
        case open
        /// We have sent a close frame, and wait for the client's.
        case closing
        /// The client has sent a close frame, or an invalid one.
        case inputClosed
    }

    /// How long the client may take to answer a close frame.
    private static let closingTime: TimeAmount = .seconds(2)

    private let maximumMessage: () -> Int
    private var state = State.open
    /// The fragments of an unfinished message.
    private var message: ByteBuffer?
    private var isTooLarge = false

    /// - Parameter maximumMessage: the present maximum bytes of a message.
    init(maximumMessage: @escaping () -> Int) {
        self.maximumMessage = maximumMessage
    }

    // MARK: From the client

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state != .inputClosed else { return }
        let frame = unwrapInboundIn(data)
        // RFC 6455 §5.1, §5.2: clients mask, and no extension was agreed on.
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
            return fail(context, .protocolError)
        }
        switch frame.opcode {
        case .text:
            guard message == nil else { return fail(context, .protocolError) }
            take(frame, of: ByteBuffer(), context)
        case .continuation:
            guard let message = exchange(&message, with: nil) else { return fail(context, .protocolError) }
            take(frame, of: message, context)
        case .binary:
            fail(context, .unacceptableData)
        case .ping:
            // A client that does not read its answers gets none.
            guard state == .open, context.channel.isWritable else { return }
            send(context, WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData))
            context.flush()
        case .pong:
            break
        case .connectionClose:
            closed(context, frame)
        default:
            fail(context, .protocolError)
        }
    }

    private func take(_ frame: WebSocketFrame, of begun: ByteBuffer, _ context: ChannelHandlerContext) {
        guard state == .open || state == .closing, !isTooLarge else { return }
        var fragment = frame.unmaskedData
        var whole = begun
        guard whole.readableBytes + fragment.readableBytes <= maximumMessage() else {
            return tooLarge(context)
        }
        if whole.readableBytes == 0 { whole = fragment } else { whole.writeBuffer(&fragment) }
        if frame.fin {
            context.fireChannelRead(wrapInboundOut(whole))
        } else {
            message = whole
        }
    }

    private func tooLarge(_ context: ChannelHandlerContext) {
        isTooLarge = true
        message = ByteBuffer()
        context.fireUserInboundEventTriggered(MessageTooLarge())
    }

    private func closed(_ context: ChannelHandlerContext, _ frame: WebSocketFrame) {
        if state == .closing {
            state = .inputClosed
            context.close(promise: nil)
        } else {
            var data = frame.unmaskedData
            sendClose(context, code: data.readSlice(length: 2) ?? ByteBuffer())
            endInput(context)
        }
    }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case NIOWebSocketError.invalidFrameLength: tooLarge(context)
        case is NIOWebSocketError: fail(context, .protocolError)
        default: context.fireErrorCaught(error)
        }
    }

    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // This direction was closed: the client cannot answer a close frame any more.
        if case ChannelEvent.inputClosed = event {
            guard state != .inputClosed else { return }
            let isAwaited = state == .closing
            state = .inputClosed
            if isAwaited { return context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func fail(_ context: ChannelHandlerContext, _ code: WebSocketErrorCode) {
        if state == .open { sendClose(context, code) }
        endInput(context)
    }

    private func endInput(_ context: ChannelHandlerContext) {
        state = .inputClosed
        message = nil
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    // MARK: To the client

    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard state == .open else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        send(context, WebSocketFrame(fin: true, opcode: .text, data: unwrapOutboundIn(data)), promise)
    }

    public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard state == .open else { return context.close(mode: mode, promise: promise) }
        state = .closing
        sendClose(context, .normalClosure)
        context.channel.closeFuture.cascade(to: promise)
        let channel = context.channel
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.closingTime) { [weak self] in
            guard let self, self.state == .closing else { return }
            self.state = .inputClosed
            channel.close(promise: nil)
        }
    }

    private func sendClose(_ context: ChannelHandlerContext, _ code: WebSocketErrorCode) {
        var data = ByteBuffer()
        data.write(webSocketErrorCode: code)
        sendClose(context, code: data)
    }

    private func sendClose(_ context: ChannelHandlerContext, code: ByteBuffer) {
        send(context, WebSocketFrame(fin: true, opcode: .connectionClose, data: code))
        context.flush()
    }

    private func send(
        _ context: ChannelHandlerContext, _ frame: WebSocketFrame, _ promise: EventLoopPromise<Void>? = nil
    ) {
        context.write(wrapOutboundOut(frame), promise: promise)
    }
}
