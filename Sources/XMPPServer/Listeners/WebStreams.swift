import NIOCore
import Synchronization
import XMPPStream

/// Streams over HTTP connections. They differ from those of a `Listener` in STARTTLS: an HTTP connection has TLS from
/// the beginning, or comes from a proxy on this machine that has ended it.
public final class WebStreams: Sendable {
    private let loops: LoopTable
    private let connections: ConnectionLimits
    private let makeDelegate: @Sendable () -> ClientStreamDelegate
    private let delegate: CurrentDelegate
    /// Sessions of BOSH.
    public let bosh: BOSHSessions

    /// - Parameters:
    ///   - connections: counts the clients.
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

    /// New streams use the present hosts; existing ones continue.
    public func reload() {
        let streams = makeDelegate()
        delegate.use(streams)
        bosh.use(limits: streams.largestLimits, strangers: streams.unauthenticatedLimits)
    }

    /// The maximum bytes of a WebSocket frame: those of the largest stanza. Before sign-in less is allowed.
    public var maximumFrame: Int { min(delegate.value.largestLimits.stanzaBytes, Int(UInt32.max)) }

    /// Sets up the stream of a connection that has become a WebSocket with the subprotocol `xmpp`, RFC 7395. Called on
    /// the channel's event loop, when its pipeline has the encoder and decoder of frames, and no HTTP handlers.
    ///
    /// - Parameter address: the client's address behind a proxy, which is counted; the connection is closed if it has
    ///   too many.
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

/// The delegate of new streams.
private final class CurrentDelegate: Sendable {
    private let delegate: Mutex<ClientStreamDelegate>

    init(_ delegate: ClientStreamDelegate) { self.delegate = Mutex(delegate) }

    var value: ClientStreamDelegate { delegate.withLock { $0 } }

    func use(_ delegate: ClientStreamDelegate) { self.delegate.withLock { $0 = delegate } }
}
