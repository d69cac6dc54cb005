import NIOCore
import Synchronization
import XMPPStream

/// Streams whose connections are made by way of HTTP. They are like those of a `Listener`, but for STARTTLS: an HTTP
/// connection has TLS from the beginning, or comes from a proxy on the same machine that has ended it.
public final class WebStreams: Sendable {
    private let loops: LoopTable
    private let connections: ConnectionLimits
    private let makeDelegate: @Sendable () -> ClientStreamDelegate
    private let delegate: CurrentDelegate
    /// Streams over BOSH, XEP-0124 and XEP-0206.
    public let bosh: BOSHSessions

    /// - Parameters:
    ///   - connections: where clients are counted.
    ///   - makeDelegate: called now and at each reload.
    init(
        loops: LoopTable, connections: ConnectionLimits, makeDelegate: @escaping @Sendable () -> ClientStreamDelegate
    ) {
        self.loops = loops
        self.connections = connections
        self.makeDelegate = makeDelegate
        let streams = makeDelegate()
        let delegate = CurrentDelegate(streams)
        self.delegate = delegate
        bosh = BOSHSessions(
            limits: streams.largestLimits,
            strangers: streams.unauthenticatedLimits,
            makeStream: { loop in Self.makeStream(delegate.value, loops.context(of: loop)) },
            admit: { connections.admit($0) })
    }

    /// Streams that begin from now on see the hosts as they are now; those that there are go on.
    public func reload() {
        let streams = makeDelegate()
        delegate.use(streams)
        bosh.use(limits: streams.largestLimits, strangers: streams.unauthenticatedLimits)
    }

    /// Bytes that a WebSocket frame may have: those of the largest stanza. Fewer hold before sign-in.
    public var maximumFrame: Int { min(delegate.value.largestLimits.stanzaBytes, Int(UInt32.max)) }

    /// Puts a connection that has become a WebSocket with the subprotocol `xmpp` in the care of a stream, RFC 7395.
    /// Called on the channel's event loop, when its pipeline has what decodes and encodes frames, and nothing else that
    /// knows of HTTP.
    ///
    /// - Parameter address: the client's, where that is not the channel's. It is counted in the place of its proxy; where it
    ///   has too many connections, this one is closed.
    public func acceptWebSocket(_ channel: any Channel, from address: IPAddress? = nil) throws {
        if let address {
            guard connections.admit(client: address) else {
                channel.close(promise: nil)
                return
            }
            channel.closeFuture.whenComplete { [connections] _ in connections.release(client: address) }
        }
        let loop = loops.context(of: channel.eventLoop)
        let address = address?.socketAddress
        try channel.pipeline.syncOperations.addHandlers(
            Self.makeStream(delegate.value, loop, from: address).makeWebSocketHandlers())
    }

    private static func makeStream(
        _ streams: ClientStreamDelegate, _ loop: LoopContext, from address: SocketAddress? = nil
    ) -> StreamConnection {
        StreamConnection(delegate: streams, loop: loop, layer: .secured, forwardedAddress: address)
    }
}

/// What new streams are given.
private final class CurrentDelegate: Sendable {
    private let delegate: Mutex<ClientStreamDelegate>

    init(_ delegate: ClientStreamDelegate) { self.delegate = Mutex(delegate) }

    var value: ClientStreamDelegate { delegate.withLock { $0 } }

    func use(_ delegate: ClientStreamDelegate) { self.delegate.withLock { $0 = delegate } }
}
