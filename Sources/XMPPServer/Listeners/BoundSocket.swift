import Logging
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An open port on one address. What is done with its connections can change.
final class BoundSocket: Sendable {
    let address: IPAddress
    /// 0: any free one.
    let number: Int
    private let connections: ConnectionLimits
    private let use: Mutex<PortUse>
    private let listening = Mutex<(any Channel)?>(nil)
    /// The last port number.
    private let port: Mutex<Int>

    init(_ address: IPAddress, _ number: Int, _ use: PortUse, _ connections: ConnectionLimits) {
        self.address = address
        self.number = number
        self.connections = connections
        self.use = Mutex(use)
        port = Mutex(number)
    }

    /// Its address; nil: it is not open.
    var localAddress: SocketAddress? { listening.withLock { $0?.localAddress } }

    /// Binds the address without accepting connections. After a rebind the port number is the same.
    func bind(on group: any EventLoopGroup) async throws(BindError) {
        do {
            let channel = try await bootstrap(group)
                .bind(host: address.description, port: port.withLock { $0 }).get()
            port.withLock { $0 = channel.localAddress?.port ?? number }
            listening.withLock { $0 = channel }
        } catch {
            throw BindError(address, number, (error as? IOError)?.errnoCode, "\(error)")
        }
    }

    /// Sets what is done with new connections.
    func begin(_ use: PortUse) {
        self.use.withLock { $0 = use }
        resume()
    }

    /// Accepts connections.
    func resume() {
        guard let channel = listening.withLock({ $0 }) else { return }
        // A port that is closed meanwhile needs none.
        channel.setOption(.autoRead, value: true).whenFailure { _ in }
    }

    func close() async {
        guard let channel = listening.withLock({ exchange(&$0, with: nil) }) else { return }
        try? await channel.close()
    }

    private func bootstrap(_ group: any EventLoopGroup) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.autoRead, value: false)
            .serverChannelInitializer { [connections] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptLimit(connections))
                }
            }
            // Most connections are idle, and keep no unused memory.
            .childChannelOption(.recvAllocator, value: ReceiveAllocator())
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.allocator, value: .untouched)
            // What a client sent before it closed is still handled, and its stream is answered.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try use.withLock { $0 }.admit(channel, connections) }
            }
    }
}

extension PortUse {
    /// Admits a new connection, or closes it if there are too many.
    func admit(_ channel: any Channel, _ connections: ConnectionLimits) throws {
        let isProxy = IPAddress(channel.remoteAddress).map { peer in proxies.contains { $0.contains(peer) } } ?? false
        guard connections.admit(channel, isProxy: isProxy) else {
            channel.close(promise: nil)
            return
        }
        try accept(channel)
    }
}

/// An address that cannot be bound.
struct BindError: Error, CustomStringConvertible {
    let description: String
    let isInUse: Bool

    init(_ address: IPAddress, _ number: Int, _ code: CInt?, _ text: String) {
        isInUse = code == EADDRINUSE
        let reason =
            switch code {
            case EADDRINUSE: "another program listens there"
            case EADDRNOTAVAIL: "this machine does not have the address"
            case EACCES: "this user may not use the port"
            default: text
            }
        description = "cannot listen on \(address) port \(number): \(reason)"
    }
}
