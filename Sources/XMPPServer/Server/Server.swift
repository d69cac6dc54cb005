import Logging
import NIOCore
import NIOPosix
import Synchronization
import XMPP
import XMPPStream

/// The server: hosts, listeners, and what they share.
///
/// It is made from a configuration and an open storage. `start` opens the listeners; `stop` ends in an orderly way: no
/// new connections, `<system-shutdown/>` to every stream, the storage flushed.
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
    /// Whether clients can connect. Otherwise the server exists for administration of its store alone.
    public let listens: Bool
    /// The wall clock.
    public let now: @Sendable () -> Timestamp

    /// The event loops of connections.
    public let group: any EventLoopGroup
    private let threads: NIOThreadPool
    let jobs = JobRunner()
    let ports: PortTable
    private let stopping = Mutex<(@Sendable () -> Void)?>(nil)
    let reloads = OneAtATime<String>()
    /// Why certificates that were replaced cannot be used; nil: they can.
    private let certificateProblem = Mutex<String?>(nil)
    private let storageProbe: StorageProbe
    private let archiveIDs: ArchiveIDGenerator
    private let key: ServerKey
    private let uptime: @Sendable () -> Duration
    private let currentConfiguration: Mutex<ServerConfiguration>
    private let attachedPart = Mutex(Attached())
    /// All hosts ever served: one that is served again keeps its account records.
    private let known = Mutex<[String: Host]>([:])

    /// Makes the hosts with their modules. Opens no ports.
    ///
    /// - Parameters:
    ///   - listens: false: no ports will be opened, and no certificates are read.
    ///   - placement: where accounts and services are at home; nil: all of them here.
    ///   - key: what was derived from another key is void.
    ///   - uptime: monotonic time.
    /// - Throws: `ServerError` with a sentence for the operator.
    public init(
        _ configuration: ServerConfiguration,
        storage: any Storage,
        group: any EventLoopGroup,
        logger: Logger,
        listens: Bool = true,
        placement: (any Placement)? = nil,
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
        let hosts = HostTable(placement: placement)
        self.hosts = hosts
        storageProbe = StorageProbe {
            if let owner = hosts.all.first?.jid { _ = try await storage.account(owner) }
        }
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
        archiveIDs = try await ArchiveIDGenerator(storage: storage, node: placement?.node)
        let prepared = try await prepare(configuration.hosts)
        for (host, loaded) in prepared { host.serve(loaded) }
        hosts.serve(prepared.map(\.host), services(of: prepared))
        threads.start()
        keyMaker.start()
    }

    /// The present configuration.
    public var configuration: ServerConfiguration { currentConfiguration.withLock { $0 } }

    /// Whether the server can do its work: it is not about to stop, and the storage answers within two seconds.
    public func isReady() async -> Bool {
        guard !router.isStopping.load(ordering: .relaxed) else { return false }
        return await storageProbe.answers()
    }

    func use(_ configuration: ServerConfiguration) { currentConfiguration.withLock { $0 = configuration } }

    /// The host of a configuration: the present or a former one, or a new one without modules.
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

    /// The services of modules, and the components.
    func services(of prepared: [(host: Host, loaded: LoadedModules)]) -> [any Service] {
        components(of: prepared.map(\.host)) + prepared.flatMap { $0.loaded.modules.flatMap(\.services) }
    }

    /// The components of hosts; those with the same settings are kept.
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

    /// Another part that follows the server's configuration.
    var part: (any ServerPart)? { attachedPart.withLock { $0.part } }

    /// Lets a part follow the configuration, from the next reload on, as long as it exists.
    public func attach(_ part: any ServerPart) { attachedPart.withLock { $0.part = part } }

    /// The time since this was called.
    public static var systemUptime: @Sendable () -> Duration {
        let origin = ContinuousClock.now
        return { ContinuousClock.now - origin }
    }

    /// Runs all jobs of modules once, host by host.
    public func runJobs() async {
        for job in hosts.all.flatMap(\.loaded.jobs) { await job.run() }
    }

    /// The server's own jobs.
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

    /// A random value that is made once and stored; the salts of accounts that do not exist are derived from it.
    private static func secret(in storage: any Storage) async throws -> [UInt8] {
        guard let owner = JID("swallowtail.invalid") else { throw ServerError("no owner for the server's secret") }
        if let secret = try await storage.value("secret", owner, key: "salt") { return secret }
        let secret = SecureRandom.bytes(32)
        try await storage.commit([.putValue(store: "secret", owner: owner, key: "salt", secret)])
        return secret
    }

    /// Opens all listeners.
    ///
    /// - Returns: their addresses, in the order of the configuration.
    @discardableResult
    public func start() async throws -> [SocketAddress] {
        await restoreSessions()
        let uses = streamPorts(of: configuration)
        do {
            try await open(uses + modulePorts)
        } catch {
            await stop()
            throw error
        }
        jobs.start(Self.jobs(storage, now, logger) + [certificateJob])
        jobs.run(hosts.all.flatMap(\.loaded.modules))
        return ports.addresses(of: uses)
    }

    /// Restores the sessions of an earlier process that can be resumed.
    public func restoreSessions() async {
        for host in hosts.all { await host.restoreSessions() }
    }

    /// Opens the ports of the attached part, together with those of streams.
    public func openPorts(of part: any ServerPart) async throws {
        try await open(streamPorts(of: configuration) + modulePorts + (try part.ports(in: configuration)))
    }

    private var modulePorts: [PortUse] { hosts.all.flatMap(\.loaded.ports) }

    /// The addresses of ports.
    public func addresses(of uses: [PortUse]) -> [SocketAddress] { ports.addresses(of: uses) }

    private func open(_ uses: [PortUse]) async throws {
        let change = try await ports.prepare(uses)
        await ports.use(change, uses)
        log(opened: ports.opened(by: change))
    }

    /// Logs why replaced certificates cannot be used, once for each reason.
    func note(certificateProblem problem: String?) {
        let isNew = certificateProblem.withLock { exchange(&$0, with: problem) != problem }
        guard isNew, let problem else { return }
        logger.error("replaced certificates are not used", metadata: ["reason": "\(problem)"])
    }

    func log(opened addresses: [SocketAddress]) {
        for address in addresses {
            logger.info(
                "listening", metadata: ["address": "\(address.ipAddress ?? "")", "port": "\(address.port ?? 0)"])
        }
    }

    /// Accepts no new connections; existing ones continue.
    public func closeListeners() async { await ports.close() }

    /// Sets how the process ends when an administrator asks for it.
    public func whenAskedToStop(_ body: @escaping @Sendable () -> Void) { stopping.withLock { $0 = body } }

    /// Ends the process after a delay, in an orderly way.
    func askToStop(after delay: Duration) {
        guard let body = stopping.withLock({ $0 }) else { return }
        logger.notice("an administrator stops the server", metadata: ["delay": "\(delay)"])
        group.any().scheduleTask(in: TimeAmount(delay), body)
    }

    /// Deadlines for the stages of stopping, counted from its beginning. Service managers kill the process after five
    /// seconds.
    private enum Patience {
        /// Stanzas in flight are done; those still waiting are refused.
        static let stanzas = Duration.seconds(1)
        /// The streams are closed.
        static let streams = Duration.milliseconds(3600)
        /// Work caused by their ends is done.
        static let ends = Duration.milliseconds(4000)
        /// Everything submitted is durable.
        static let storage = Duration.milliseconds(4400)
    }

    /// Ends everything, within five seconds in any case. What was accepted is durable when it returns, unless the
    /// storage did not answer.
    ///
    /// Reading stops first. Stanzas in flight get a moment to finish, otherwise their senders get an error. Then every
    /// stream is closed.
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

    /// Waits until something has ended, or its time is over, counted from `begin`.
    private func ended(
        _ name: String, since begin: ContinuousClock.Instant, within time: Duration,
        _ operation: @escaping @Sendable () async -> Void
    ) async {
        guard await value(of: operation, within: begin + time - .now) == nil else { return }
        logger.error("something has not ended in time and is not waited for", metadata: ["what": "\(name)"])
    }
}
