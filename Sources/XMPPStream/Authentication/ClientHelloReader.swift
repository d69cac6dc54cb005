import NIOCore

/// Stands before the TLS handler and reads the ClientHello, so that the channel bindings of the connection can be told:
/// the client's random for ``TLSExporter``, the server's name for the certificate that is shown. Passes every byte on
/// at once.
///
/// A HelloRetryRequest makes no difference: the second ClientHello repeats both (RFC 8446 §4.1.2).
public final class ClientHelloReader: ChannelInboundHandler, RemovableChannelHandler {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = ByteBuffer

    /// The host that the client named; ``ServerName/unreadable`` as long as no ClientHello has come.
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
    /// - Parameter skippingBlanks: whether white space is dropped that comes before the first record: what a client of
    ///   STARTTLS has sent behind its request.
    public init(exporter: TLSExporter, skippingBlanks: Bool = false) {
        self.exporter = exporter
        isSkippingBlanks = skippingBlanks
    }

    /// The connection's tls-exporter data, once: later calls return nil. To be called on the event loop when the
    /// handshake is complete.
    ///
    /// - Returns: nil before TLS 1.3, or where the client's first record was too odd to follow.
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
        // Before the TLS handler has the whole ClientHello: it may log the secret as soon as it has.
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

/// The host that a ClientHello names (RFC 6066 §3).
public enum ServerName: Sendable, Equatable {
    case named(String)
    /// The client names none.
    case absent
    /// The ClientHello is not in one record, or not as the RFCs have it.
    case unreadable
}
