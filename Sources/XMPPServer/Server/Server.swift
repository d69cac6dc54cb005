import Logging
import NIOCore
import NIOPosix
import Synchronization
import XMPP
import XMPPStream

/// The server: hosts, listeners, and what they share.
///
/// Made from a configuration and an open storage; `start` opens the listeners, `stop` ends everything in good order:
/// no new connections, `<system-shutdown/>` to every stream, the storage flushed.
public final class Server: Sendable {
    public let hosts: HostTable
    public let storage: any Storage
    public let authenticator: Authenticator
    let signIns: SignInLog
    public let logger: Logger
    public let router: StanzaRouter
    public let certificates = Certificates()
    let connections: ConnectionLimits
    let loops: LoopTable
    let keyMaker = KeyMaker()
    /// Whether people can come. If not, there is a server for administrators alone, who work on its store.
    public let listens: Bool
    /// The wall clock.
    public let now: @Sendable () -> Timestamp

    /// The loops that connections live on.
    public let group: any EventLoopGroup
    private let threads: NIOThreadPool
    let jobs = JobRunner()
    let ports: PortTable
    private let stopping = Mutex<(@Sendable () -> Void)?>(nil)
    let reloads = OneAtATime()
    private let archiveIDs: ArchiveIDGenerator
    private let key: ServerKey
    private let uptime: @Sendable () -> Duration
    private let currentConfiguration: Mutex<ServerConfiguration>
    private let attachedPart = Mutex(Attached())
    /// All hosts that have been served: one that is served again goes on with the records of accounts that it has.
    private let known = Mutex<[String: Host]>([:])

    /// Sets up the hosts with their modules. Nothing is opened yet.
    ///
    /// - Parameters:
    ///   - listens: false: nothing is opened, and no certificate read.
    ///   - key: what is given out under it is void when another takes its place.
    ///   - uptime: time that passes whatever the wall clock is set to.
    /// - Throws: `ServerError` with a sentence for the person who runs the server.
    public init(
        _ configuration: ServerConfiguration,
        storage: any Storage,
        group: any EventLoopGroup,
        logger: Logger,
        listens: Bool = true,
        key: ServerKey = ServerKey(),
        now: @escaping @Sendable () -> Timestamp = Timestamp.now,
        uptime: @escaping @Sendable () -> Duration = Server.systemUptime
    ) async throws {
        currentConfiguration = Mutex(configuration)
        self.storage = storage
        self.group = group
        self.logger = logger
        self.key = key
        self.listens = listens
        self.now = now
        self.uptime = uptime
        threads = NIOThreadPool(numberOfThreads: 2)
        hosts = HostTable()
        loops = LoopTable(group: group)
        let loopCount = group.makeIterator().reduce(0) { count, _ in count + 1 }
        router = StanzaRouter(
            hosts: hosts, loops: loops, trace: MessageTrace(byteCount: configuration.limits.traceSize, loops: loopCount)
        )
        connections = ConnectionLimits(configuration.limits)
        ports = PortTable(group: group, connections)
        if listens { certificates.use(try certificates.read(configuration.hosts)) }
        signIns = SignInLog(logger, now: now)
        authenticator = Authenticator(
            storage: storage, limits: configuration.limits, secret: try await Self.secret(in: storage),
            threads: threads, logger: logger, log: signIns, now: now, uptime: uptime)
        archiveIDs = try await ArchiveIDGenerator(storage: storage)
        let prepared = try await prepare(configuration.hosts)
        for (host, loaded) in prepared { host.serve(loaded) }
        hosts.serve(prepared.map(\.host), services(of: prepared))
        threads.start()
        keyMaker.start()
    }

    /// As it is now.
    public var configuration: ServerConfiguration { currentConfiguration.withLock { $0 } }

    func use(_ configuration: ServerConfiguration) { currentConfiguration.withLock { $0 = configuration } }

    /// The host of a configuration: the one that there is, or was, or a new one without modules.
    func host(for configuration: HostConfiguration) async throws -> Host {
        if let host = known.withLock({ $0[configuration.domain] }) { return host }
        guard let jid = JID(local: nil, domain: configuration.domain, resource: nil) else {
            throw ServerError("\(configuration.domain) is not a domain")
        }
        var logger = logger
        logger[metadataKey: "host"] = "\(jid)"
        let host = Host(
            configuration, jid: jid, limits: self.configuration.limits, storage: storage, archiveIDs: archiveIDs,
            router: router, key: key, keyMaker: keyMaker, signIns: signIns,
            accountAdded: { [authenticator] in authenticator.accountAdded($0) },
            administer: { [weak self] host in self.map { Administration($0, of: host) } }, logger: logger, now: now,
            uptime: uptime)
        if try await storage.hasTokens(host: host.domain) { host.noteAccessToken() }
        known.withLock { $0[host.domain] = host }
        return host
    }

    /// What modules and components serve at domains of their own.
    func services(of prepared: [(host: Host, loaded: LoadedModules)]) -> [any Service] {
        components(of: prepared.map(\.host)) + prepared.flatMap { $0.loaded.modules.flatMap(\.services) }
    }

    /// The components of hosts: those that there are, as far as they have the same settings.
    private func components(of hosts: [Host]) -> [ComponentService] {
        hosts.flatMap { host in
            host.configuration.components.compactMap { component in
                let known = self.hosts.service(component.domain) as? ComponentService
                if let known, known.host === host, known.configuration == component { return known }
                return JID(local: nil, domain: component.domain, resource: nil).map {
                    ComponentService(component, domain: $0, host: host)
                }
            }
        }
    }

    private struct Attached {
        weak var part: (any ServerPart)?
    }

    /// What goes by the server's configuration as well.
    var part: (any ServerPart)? { attachedPart.withLock { $0.part } }

    /// Has something go by the configuration, too, from the next reload on, for as long as it is there.
    public func attach(_ part: any ServerPart) { attachedPart.withLock { $0.part = part } }

    /// The time since this was asked for.
    public static var systemUptime: @Sendable () -> Duration {
        let origin = ContinuousClock.now
        return { ContinuousClock.now - origin }
    }

    /// Does once, host by host, what modules do again and again while the server runs.
    public func runJobs() async {
        for job in hosts.all.flatMap(\.loaded.jobs) { await job.run() }
    }

    /// What the server itself does again and again.
    static func jobs(
        _ storage: any Storage, _ now: @escaping @Sendable () -> Timestamp, _ logger: Logger
    ) -> [Registrar.Job] {
        let removeExpired = Registrar.Job(interval: .seconds(60)) {
            do throws(StorageError) {
                try await storage.commit([.removeExpired(at: now(), atMost: 2000)])
            } catch {
                logger.error("storage failed", metadata: ["error": "\(error)"])
            }
        }
        return [removeExpired]
    }

    /// A random value that is made once and kept, from which the salts of accounts that do not exist are derived.
    private static func secret(in storage: any Storage) async throws -> [UInt8] {
        guard let owner = JID("swallowtail.invalid") else { throw ServerError("no owner for the server's secret") }
        if let secret = try await storage.value("secret", owner, key: "salt") { return secret }
        let secret = SecureRandom.bytes(32)
        try await storage.commit([.putValue(store: "secret", owner: owner, key: "salt", secret)])
        return secret
    }

    /// Opens all listeners.
    ///
    /// - Returns: the addresses that they listen on, in the order of the configuration.
    @discardableResult
    public func start() async throws -> [SocketAddress] {
        await restoreSessions()
        let uses = streamPorts(of: configuration)
        do {
            try await open(uses)
        } catch {
            await stop()
            throw error
        }
        jobs.start(Self.jobs(storage, now, logger))
        jobs.run(hosts.all.flatMap(\.loaded.modules))
        return ports.addresses(of: uses)
    }

    /// Brings back the sessions of an earlier process whose clients may come back.
    public func restoreSessions() async {
        for host in hosts.all { await host.restoreSessions() }
    }

    /// Opens the ports of the part that is attached, beside those of the streams.
    public func openPorts(of part: any ServerPart) async throws {
        try await open(streamPorts(of: configuration) + (try part.ports(in: configuration)))
    }

    /// Where a port is listened on.
    public func addresses(of uses: [PortUse]) -> [SocketAddress] { ports.addresses(of: uses) }

    private func open(_ uses: [PortUse]) async throws {
        let change = try await ports.prepare(uses)
        await ports.use(change, uses)
        log(opened: ports.opened(by: change))
    }

    func log(opened addresses: [SocketAddress]) {
        for address in addresses {
            logger.info(
                "listening", metadata: ["address": "\(address.ipAddress ?? "")", "port": "\(address.port ?? 0)"])
        }
    }

    /// Takes no new connections any more; those that there are go on.
    public func closeListeners() async { await ports.close() }

    /// Says how the process is brought to an end when an administrator asks for it.
    public func whenAskedToStop(_ body: @escaping @Sendable () -> Void) { stopping.withLock { $0 = body } }

    /// Has the process end in some time, in good order.
    func askToStop(after delay: Duration) {
        guard let body = stopping.withLock({ $0 }) else { return }
        logger.notice("an administrator stops the server", metadata: ["delay": "\(delay)"])
        group.any().scheduleTask(in: TimeAmount(delay), body)
    }

    /// How long each part of the server's end may take, counted from its beginning. Whoever runs the server kills it if it
    /// has not ended five seconds after it was told to.
    private enum Patience {
        /// Stanzas on their way have arrived; those that still wait are refused.
        static let stanzas = Duration.seconds(1)
        /// The streams are closed.
        static let streams = Duration.milliseconds(3600)
        /// What their ends have led to is done.
        static let ends = Duration.milliseconds(4000)
        /// All that was submitted is durable.
        static let storage = Duration.milliseconds(4400)
    }

    /// Ends everything, within five seconds whatever happens. What was accepted is durable when it returns, unless the
    /// storage has not answered.
    ///
    /// Nothing more is read; stanzas on their way have a moment to arrive, and their senders are told if they have not.
    /// Then every stream gets its last word.
    public func stop() async {
        let begin = ContinuousClock.now
        await closeListeners()
        router.isStopping.store(true, ordering: .relaxed)
        // A connection that was accepted just now may be the first of its loop.
        for loop in group.makeIterator() { loops.context(of: loop).pauseInput() }
        async let areJobsOver: Void = ended("a job", since: begin, within: Patience.ends) { [jobs] in await jobs.stop()
        }
        _ = await value(of: { [router] in await router.inFlight.drained() }, within: Patience.stanzas)
        router.endPauses()
        for service in hosts.services { await service.stop() }
        await ended("a connection", since: begin, within: Patience.streams) { [loops] in
            await withTaskGroup(of: Void.self) { tasks in
                for loop in loops.all {
                    tasks.addTask { await loop.shutDown() }
                }
            }
        }
        await ended("what a session left", since: begin, within: Patience.ends) { [router] in
            await router.inFlight.drained()
        }
        await areJobsOver
        await ended("the storage", since: begin, within: Patience.storage) { [storage] in await storage.flush() }
        try? await threads.shutdownGracefully()
        await keyMaker.stop()
    }

    /// Waits until something has ended, or until its time is over, counted from `begin`.
    private func ended(
        _ name: String, since begin: ContinuousClock.Instant, within time: Duration,
        _ operation: @escaping @Sendable () async -> Void
    ) async {
        guard await value(of: operation, within: begin + time - .now) == nil else { return }
        logger.error("something has not ended in time and is not waited for", metadata: ["what": "\(name)"])
    }
}
