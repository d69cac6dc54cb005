import NIOCore
import XML
import XMPP

/// XMPP in messages of one element each, RFC 7395 §3.3: in front of a `StreamConnection` on a WebSocket or a BOSH
/// session.
///
/// The client's messages reach the stream as its own parser would have found them; the stream's output is split into
/// messages. The stream knows nothing of it, and TCP pays nothing for it.
///
/// While the stream is paused messages wait here and nothing more is read: each is parsed with the limits at its turn.
public final class ElementFraming: ChannelDuplexHandler {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = Never
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    /// The WebSocket subprotocol, RFC 7395 §3.1.
    public static let subprotocol = "xmpp"

    /// The `<body/>` of a BOSH request: its elements are parsed as those of a stream with it as the opening tag, each
    /// with the limits at its turn.
    struct Enclosed {
        let bytes: ByteBuffer
    }

    private enum Event {
        case message(ByteBuffer)
        case enclosed(ByteBuffer)
        case messageTooLarge
        case inputClosed
    }

    private let stream: StreamConnection
    private var events = CircularBuffer<Event>()
    /// The rest of the present `<body/>`.
    private var enclosed: StreamParser?
    private var isHandling = false
    private var output = StreamSplitter()

    init(_ stream: StreamConnection) {
        self.stream = stream
    }

    // MARK: From the client

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let message = unwrapInboundIn(data)
        stream.count(message.readableBytes)
        take(.message(message), context)
    }

    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is WebSocketHandler.MessageTooLarge: take(.messageTooLarge, context)
        case let enclosed as Enclosed:
            stream.count(enclosed.bytes.readableBytes)
            take(.enclosed(enclosed.bytes), context)
        case ChannelEvent.inputClosed: take(.inputClosed, context)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    public func read(context: ChannelHandlerContext) {
        handleEvents(context)
        if !hasMore { context.read() }
    }

    private func take(_ event: Event, _ context: ChannelHandlerContext) {
        events.append(event)
        handleEvents(context)
    }

    private func handleEvents(_ context: ChannelHandlerContext) {
        guard !isHandling else { return }
        isHandling = true
        defer { isHandling = false }
        while stream.pauses.isEmpty {
            if enclosed != nil {
                handleEnclosed()
                continue
            }
            guard let event = events.popFirst() else { break }
            switch event {
            case .message(let message):
                handle(message)
            case .enclosed(let body):
                enclosed = StreamParser(limits: stream.limits)
                enclosed?.feed(body)
            case .messageTooLarge:
                let reason = "Unexpected end of file: too many bytes without an end"
                stream.fail(XMLError(kind: .tooLarge, reason: reason, line: 1, position: stream.limits.stanzaBytes))
            case .inputClosed:
                context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            }
        }
        // The stream asks for waiting messages when it continues.
        if hasMore { stream.isReadWanted = true }
    }

    private var hasMore: Bool { !events.isEmpty || enclosed != nil }

    /// Handles the next element of a `<body/>`, if there is one.
    private func handleEnclosed() {
        guard !stream.hasEnded else {
            enclosed = nil
            return
        }
        do throws(XMLError) {
            enclosed?.limits = stream.limits
            switch try enclosed?.next() {
            case .element(let element): stream.received(element)
            case .opened: break
            case .closed, nil: enclosed = nil
            }
        } catch {
            enclosed = nil
            stream.fail(error)
        }
    }

    private func handle(_ message: ByteBuffer) {
        guard !stream.hasEnded else { return }
        do {
            let element = try Element(parsing: message, limits: stream.limits)
            if !element.isIn(.framing) {
                stream.received(element)
            } else if element.hasName("open") {
                stream.opened(
                    StreamHeader(
                        to: element["to"], from: element["from"], version: element["version"],
                        language: element.attribute("lang", .xml)))
            } else if element.hasName("close") {
                stream.closedByPeer()
            } else {
                stream.close(.badFormat)
            }
        } catch {
            stream.fail(error)
        }
    }

    // MARK: To the client

    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        output.feed(unwrapOutboundIn(data))
        do {
            var last: ByteBuffer?
            while let part = try output.next() {
                if let last { context.write(wrapOutboundOut(last), promise: nil) }
                last = message(part)
            }
            if let last {
                context.write(wrapOutboundOut(last), promise: promise)
            } else {
                promise?.succeed()
            }
        } catch {
            promise?.fail(error)
            context.close(promise: nil)
        }
    }

    private func message(_ part: StreamSplitter.Part) -> ByteBuffer {
        var writer = XMLWriter(contentNamespace: .none)
        switch part {
        case .element(let bytes):
            return bytes
        case .opened(let root):
            writer.element(
                "open", .framing,
                [
                    "from": root["from"], "to": root["to"], "id": root["id"], "version": root["version"],
                    "xml:lang": root.attribute("lang", .xml),
                ])
        case .closed:
            writer.element("close", .framing)
        }
        return writer.finish()
    }
}

extension StreamConnection {
    /// The handlers for a stream on a WebSocket connection, including this one; to be added in this order behind the
    /// encoder and decoder of frames.
    public func makeWebSocketHandlers() -> [any ChannelHandler] {
        [WebSocketHandler(maximumMessage: { [unowned self] in limits.stanzaBytes }), ElementFraming(self), self]
    }
}

extension Namespace {
    /// Opening and closing of a framed stream, RFC 7395 §3.3.
    static let framing: Namespace = "urn:ietf:params:xml:ns:xmpp-framing"
}
