import NIOCore
import NIOPosix
import Synchronization

/// The Unix socket by which the command line reaches the running server; only its owner may use it. Request and reply
/// are one line of JSON each; a connection's requests are performed one after the other.
public final class AdministrationSocket: Sendable {
    private let path: String
    private let listener: any Channel
    private let connections: Connections

    /// Opens the socket at `path`. A socket left over from a dead process is replaced.
    ///
    /// - Throws: `AdministrationError` if the socket cannot be made or another server answers there.
    public init(path: String, _ administration: Administration, group: any EventLoopGroup) async throws {
        self.path = path
        let connections = Connections()
        self.connections = connections
        let descriptor = try UnixSocket.bind(path)
        listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    connections.add(channel)
                    try channel.pipeline.syncOperations.addHandler(AdministrationConnection(administration))
                }
            }
            .withBoundSocket(descriptor)
            .get()
    }

    /// Accepts no more requests and removes the socket. A command that is being performed continues; its reply is not
    /// delivered.
    public func close() async {
        try? await listener.close()
        UnixSocket.remove(path)
        for channel in connections.all { try? await channel.close() }
    }

    /// The open connections.
    private final class Connections: Sendable {
        private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

        var all: [any Channel] { channels.withLock { Array($0.values) } }

        func add(_ channel: any Channel) {
            channels.withLock { $0[ObjectIdentifier(channel)] = channel }
            channel.closeFuture.whenComplete { _ in
                self.channels.withLock { $0[ObjectIdentifier(channel)] = nil }
            }
        }
    }
}
