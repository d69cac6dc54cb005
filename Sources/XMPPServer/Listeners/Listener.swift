import NIOCore
import XMPPStream

/// A port for clients.
final class Listener: Sendable {
    private let configuration: ListenerConfiguration
    private let place: String
    private let streams: ClientStreamDelegate
    private let loops: LoopTable
    private let connections: ConnectionLimits

    /// - Parameters:
    ///   - place: its place in the configuration.
    ///   - connections: counts clients behind proxies.
    init(
        _ configuration: ListenerConfiguration, _ place: String, streams: ClientStreamDelegate, loops: LoopTable,
        connections: ConnectionLimits
    ) {
        self.configuration = configuration
        self.place = place
        self.streams = streams
        self.loops = loops
        self.connections = connections
    }

    var port: PortUse {
        PortUse(place, configuration.addresses, port: configuration.port, proxies: configuration.proxies) { [self] in
            try begin($0)
        }
    }

    /// Sets up the stream of a new connection.
    private func begin(_ channel: any Channel) throws {
        let stream = StreamConnection(delegate: streams, loop: loops.context(of: channel.eventLoop))
        let pipeline = channel.pipeline.syncOperations
        if let peer = IPAddress(channel.remoteAddress), configuration.proxies.contains(where: { $0.contains(peer) }) {
            try pipeline.addHandler(proxyHeader(channel, stream))
        }
        switch configuration.tls {
        case .starttls:
            break
        case .direct:
            try pipeline.addHandlers(stream.makeTLSHandlers())
        case .either where streams.tls != nil:
            try pipeline.addHandler(FirstByteHandler(stream))
        case .either:
            break
        }
        try pipeline.addHandler(stream)
    }

    /// Counts the client instead of its proxy, for the lifetime of the connection.
    private func proxyHeader(_ channel: any Channel, _ stream: StreamConnection) -> ProxyHeaderHandler {
        ProxyHeaderHandler { [connections] client in
            guard connections.admit(client: client) else { return false }
            channel.closeFuture.whenComplete { _ in connections.release(client: client) }
            if let address = client.socketAddress { stream.isForwarded(from: address) }
            return true
        }
    }
}
