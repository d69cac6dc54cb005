import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import SQLiteStorage
import Synchronization
import XMPPModules
import XMPPServer

/// A whole server for a test: every module, a storage of its own on disk, a clock that stands still.
public final class TestServer: Sendable {
    /// The server itself; the first, where there are several.
    public var server: Server { servers[0] }
    /// All servers, by the numbers that `Homes` knows them by.
    let servers: [Server]
    /// Where people are at home.
    let homes: Homes
    /// How its clients are connected.
    public let transport: Transport
    /// Its wall clock.
    public let clock: TestClock
    /// Its storage.
    public let storage: FailingStorage
    let configuration: TestConfiguration
    private let directory: TemporaryDirectory
    private let certificate: TestCertificate
    private let addresses: [SocketAddress]
    /// That of all connections in memory; the first server's, where there are several.
    public var loop: NIOAsyncTestingEventLoop { memoryLoops[0] }
    private let memoryLoops: [NIOAsyncTestingEventLoop]
    /// Loops are never let go: what a server leaves in thread-specific variables of a dispatch thread must not be the last
    /// that refers to a dispatch queue, which can't be freed while its thread exits.
    private static let loops = Mutex<[NIOAsyncTestingEventLoop]>([])

    /// Starts a server with an empty storage.
    ///
    /// - Throws: a sentence if the configuration is wrong.
    public convenience init(
        _ configuration: TestConfiguration = TestConfiguration(), transport: Transport = .memory
    ) async throws {
        try await self.init(configuration, transport, TestClock(), TemporaryDirectory(), Homes())
    }

    /// A server that comes after another, which has been stopped, and finds what that one has stored.
    convenience init(after former: TestServer) async throws {
        try await self.init(
            former.configuration, former.transport, former.clock, former.directory, former.homes)
    }

    private init(
        _ configuration: TestConfiguration, _ transport: Transport, _ clock: TestClock,
        _ directory: TemporaryDirectory, _ homes: Homes
    ) async throws {
        self.configuration = configuration
        self.transport = transport
        self.clock = clock
        self.directory = directory
        self.homes = homes
        let count = transport.serverCount
        let memoryLoops = (0..<count).map { _ in NIOAsyncTestingEventLoop() }
        self.memoryLoops = memoryLoops
        Self.loops.withLock { $0 += memoryLoops }
        certificate = try TestCertificate.shared.get()
        let text =
            "data: {directory: \"\(directory.path)/data\"}\n"
            + configuration.yaml(for: transport, certificate: certificate)
        let (root, report) = try ConfigFile.parse(text, file: "test.yaml")
        let settings = ServerConfiguration(root, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all)
        storage = FailingStorage(try SQLiteStorage(path: "\(directory.path)/store/test.db"))
        var servers: [Server] = []
        for node in 0..<count {
            let group: any EventLoopGroup =
                transport.isInMemory ? memoryLoops[node] : MultiThreadedEventLoopGroup.singleton
            servers.append(
                try await Server(
                    settings, storage: storage, group: group,
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                    placement: count == 1 ? nil : HomePlacement(node: node, of: count, homes),
                    key: ServerKey(file: "\(directory.path)/store/secret.key"),
                    now: { [clock] in clock.now }, uptime: { [clock] in clock.uptime }))
        }
        self.servers = servers
        homes.use(servers)
        let problems = report.finish()
        guard problems.isEmpty else { throw ConfigErrors(problems) }
        addresses = transport.isInMemory ? [] : try await servers[0].start()
        if transport.isInMemory { for server in servers { await server.restoreSessions() } }
    }

    /// The name of the listener where components connect, in a configuration with components.
    static let componentListener = "component"

    /// Connects a client.
    ///
    /// - Parameters:
    ///   - listener: the name of one, or `componentListener`; `nil` means the first.
    ///   - host: with TLS from the first byte, for this name.
    ///   - home: the number of the server.
    func connect(
        to listener: String? = nil, tls host: String? = nil, at home: Int = 0
    ) async throws -> any TestConnection {
        let isComponent = listener == Self.componentListener
        let index =
            isComponent
            ? configuration.listeners.count
            : listener.flatMap { name in configuration.listeners.firstIndex { $0.name == name } } ?? 0
        guard transport.isInMemory else {
            return try await SocketConnection(
                address: addresses[index], certificate: certificate, tls: host,
                contentNamespace: isComponent ? .componentAccept : .client)
        }
        let place: MemoryConnection.Place =
            isComponent ? .components : .clients(server.configuration.listeners[index])
        let home = transport.serverCount > home ? home : 0
        return try await MemoryConnection(
            server: servers[home], place, loop: memoryLoops[home], transport: transport)
    }

    /// Waits until nothing is under way that had to wait, and what one event loop has for another is there and written. A loop hands its batch over at the end of a
    /// tick, and takes another's as a task of its own: two rounds of tasks see to both.
    func passOn() async throws {
        // What one server does may have another do something, and that the first one again.
        for _ in 0..<(2 * servers.count - 1) {
            for server in servers { await server.router.settled() }
        }
        guard transport == .tcp else { return }
        for _ in 0..<2 {
            for loop in MultiThreadedEventLoopGroup.singleton.makeIterator() { try await loop.submit {}.get() }
        }
    }

    /// Moves the clock on, and in memory the timers.
    public func advance(by duration: Duration) async {
        clock.advance(by: duration)
        guard transport.isInMemory else { return }
        for loop in memoryLoops { await loop.advanceTime(by: TimeAmount(duration)) }
    }

    /// Ends the server as a signal would. In memory the time passes that clients have who do not close their streams.
    public func stop() async {
        let passing = Task {
            while transport.isInMemory, !Task.isCancelled {
                for loop in memoryLoops { await loop.advanceTime(by: .seconds(1)) }
                await Task.yield()
            }
        }
        await withTaskGroup(of: Void.self) { tasks in
            for server in servers { tasks.addTask { await server.stop() } }
        }
        passing.cancel()
        await passing.value
    }

    /// Lets go of everything, when the server has been stopped.
    func close() async {
        await storage.close()
    }
}
