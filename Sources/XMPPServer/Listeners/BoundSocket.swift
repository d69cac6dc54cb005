import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A port of the server, with the limits that hold for all connections.
struct BoundSocket: Sendable {
    let addresses: [IPAddress]
    /// 0: any that is free.
    let number: Int
    let limits: ServerLimits
    let connections: ConnectionLimits
    /// Those whose connections are for others, who are counted in their place.
    let proxies: [CIDRBlock]
    /// Sets up the pipeline of a connection that the limits have admitted. On the connection's loop.
    let accept: @Sendable (any Channel) throws -> Void

    /// Opens the port on every address.
    ///
    /// - Returns: one channel for each address.
    func open(on group: any EventLoopGroup) async throws -> [any Channel] {
        var channels: [any Channel] = []
        for address in addresses {
            // With port 0 all addresses get the port that the first one was given.
            let port = number == 0 ? channels.first?.localAddress?.port ?? 0 : number
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
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptLimit(perSecond: limits.acceptsPerSecond))
                }
            }
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            // Most connections are idle: they keep no memory that they do not use.
            .childChannelOption(.recvAllocator, value: ReceiveAllocator())
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.allocator, value: .untouched)
            // What a client sent before it closed is still to be handled, and its stream to be answered.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try admit(channel) }
            }
    }

    /// Takes a new connection, or closes it where there are too many.
    func admit(_ channel: any Channel) throws {
        let isProxy = IPAddress(channel.remoteAddress).map { peer in proxies.contains { $0.contains(peer) } } ?? false
        guard connections.admit(channel, isProxy: isProxy) else {
            channel.close(promise: nil)
            return
        }
        try accept(channel)
    }
}
