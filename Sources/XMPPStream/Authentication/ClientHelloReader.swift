import NIOCore

/// Reads the ClientHello in front of the TLS handler, for the channel bindings of the connection: the client's random
/// for ``TLSExporter``, and the server name for the certificate that is shown. Passes every byte on at once.
///
/// A HelloRetryRequest makes no difference: the second ClientHello repeats both (RFC 8446 §4.1.2).
public final class ClientHelloReader: ChannelInboundHandler, RemovableChannelHandler {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = ByteBuffer

    /// The server name; ``ServerName/unreadable`` before the ClientHello.
    public private(set) var serverName = ServerName.unreadable

    private let exporter: TLSExporter
    private var isSkippingBlanks: Bool
    private var start: [UInt8] = []
    private var state = State.reading

    private enum State {
        case reading
        case expecting(ClientRandom)
        case done
    }

    /// A reader for one connection.
    ///
    /// - Parameter skippingBlanks: whether white space before the first record is dropped, which a STARTTLS client may
    ///   have sent after its request.
    public init(exporter: TLSExporter, skippingBlanks: Bool = false) {
        self.exporter = exporter
        isSkippingBlanks = skippingBlanks
    }

    /// The connection's tls-exporter data, once: later calls return nil. Call it on the event loop when the handshake
    /// is complete.
    ///
    /// - Returns: nil before TLS 1.3, or if the client's first record could not be parsed.
    public func takeChannelBinding() -> [UInt8]? {
        guard case .expecting(let random) = state else { return nil }
        state = .done
        return exporter.take(random)
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isSkippingBlanks else { return pass(unwrapInboundIn(data), context) }
        var bytes = unwrapInboundIn(data)
        while let first = bytes.readableBytesView.first, [0x20, 0x09, 0x0A, 0x0D].contains(first) {
            bytes.moveReaderIndex(forwardBy: 1)
        }
        guard bytes.readableBytes > 0 else { return }
        isSkippingBlanks = false
        pass(bytes, context)
    }

    private func pass(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        // Before the TLS handler gets the whole ClientHello, as it may log the secret then.
        if case .reading = state { read(bytes.readableBytesView) }
        context.fireChannelRead(wrapInboundOut(bytes))
    }

    public func channelInactive(context: ChannelHandlerContext) {
        _ = takeChannelBinding()
        context.fireChannelInactive()
    }

    public func handlerRemoved(context: ChannelHandlerContext) {
        _ = takeChannelBinding()
    }

    private func read(_ bytes: ByteBufferView) {
        start += bytes.prefix(ClientHello.longestRecord - start.count)
        switch ClientHello.parse(start) {
        case .unfinished:
            return
        case .other:
            state = .done
        case .parsed(let hello):
            serverName = hello.serverName
            state = exporter.expect(hello.random) ? .expecting(hello.random) : .done
        }
        start = []
    }
}

/// The server name in a ClientHello (RFC 6066 §3).
public enum ServerName: Sendable, Equatable {
    case named(String)
    /// The client names none.
    case absent
    /// The ClientHello is not in one record, or malformed.
    case unreadable
}
