import Logging
import NIOCore
import NIOPosix
import XMPPStream

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A port on which clients connect.
final class Listener: Sendable {
    private let server: Server
    private let configuration: ListenerConfiguration
    private let streams: ClientStreams

    init(server: Server, configuration: ListenerConfiguration) {
        self.server = server
        self.configuration = configuration
        streams = ClientStreams(server: server, listener: configuration)
    }

    /// Opens the port on every configured address.
    ///
    /// - Returns: one channel for each address.
    func open(on group: any EventLoopGroup) async throws -> [any Channel] {
        var channels: [any Channel] = []
        for address in configuration.addresses {
            // With port 0 all addresses get the port that the first one was given.
            let port = configuration.port == 0 ? channels.first?.localAddress?.port ?? 0 : configuration.port
            do {
                let channel = try await bootstrap(group).bind(host: address.description, port: port).get()
                channels.append(channel)
            } catch {
                for channel in channels { try? await channel.close() }
                throw ServerError("cannot listen on \(address) port \(port): \(Self.reason(error))")
            }
        }
        return channels
    }

    private static func reason(_ error: any Error) -> String {
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE: "another program listens there"
        case EADDRNOTAVAIL: "this machine does not have the address"
        case EACCES: "this user may not use the port"
        default: "\(error)"
        }
    }

    private func bootstrap(_ group: any EventLoopGroup) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { [server] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptLimit(perSecond: server.configuration.limits.acceptsPerSecond))
                }
            }
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            // What a client sent before it closed is still to be handled, and its stream to be answered.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try accept(channel) }
            }
    }

    /// Puts a new connection in the care of a stream.
    func accept(_ channel: any Channel) throws {
        let address = IPAddress(channel.remoteAddress)
        guard server.connections.admit(address) else {
            channel.close(promise: nil)
            return
        }
        channel.closeFuture.whenComplete { [server] _ in server.connections.release(address) }
        let stream = StreamHandler(delegate: streams, loop: server.loops.context(of: channel.eventLoop))
        let pipeline = channel.pipeline.syncOperations
        switch configuration.tls {
        case .starttls:
            break
        case .direct:
            try pipeline.addHandlers(stream.makeTLSHandlers())
        case .either where server.tls != nil:
            try pipeline.addHandler(FirstByteHandler(stream))
        case .either:
            break
        }
        try pipeline.addHandler(stream)
    }
}
