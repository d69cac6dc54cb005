import ArgumentParser
import Foundation
import Logging
import NIOCore
import NIOPosix
import SQLiteStorage
import ServiceLifecycle
import UnixSignals
import Web
import XMPPModules
import XMPPServer

/// `swallowtail serve`.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the server in the foreground until SIGINT or SIGTERM.")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("Where to write the process id once the server is ready.", valueName: "file"))
    var pidFile: String?

    func run() async throws {
        let configuration = try options.load()
        let level = LineLogHandler.Level(configuration.log.level)
        let logger = Logger(label: "swallowtail") { _ in LineLogHandler(configuration.log, level) }
        HeapSettings.apply()
        prepareProcess(logger)
        Self.checkCertificates(configuration, logger)
        guard let storage = try await openStore(configuration, logger) else { return }
        let result: Result<Void, any Error>
        do {
            result = .success(try await serve(configuration, storage, logger, level))
        } catch {
            result = .failure(Failure("\(error)"))
        }
        if let failure = await storage.close() {
            logger.warning("the store was not closed in order", metadata: ["reason": "\(failure.diagnosis)"])
        }
        try result.get()
    }

    /// Another command may have the store open for a moment, or a server that is about to end. A running server keeps
    /// it.
    private func openStore(_ configuration: ServerConfiguration, _ logger: Logger) async throws -> SQLiteStorage? {
        let client = AdministrationClient(path: configuration.data.administrationSocket)
        var reason: String?
        return try await Store.open(
            configuration, .write, logger,
            waits: { error in
                reason = error.diagnosis
                guard !client.isServed else { return }
                logger.notice("waiting for the store", metadata: ["reason": "\(error.diagnosis)"])
            },
            unless: {
                if let reason, client.isServed { throw Failure("a server runs already: \(reason)") }
                return false
            })
    }

    private func serve(
        _ configuration: ServerConfiguration, _ storage: SQLiteStorage, _ logger: Logger,
        _ level: LineLogHandler.Level
    ) async throws {
        let loops = configuration.limits.eventLoops
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops > 0 ? loops : max(1, System.coreCount / 2))
        let server = try await Server(
            configuration, storage: storage, group: group, logger: logger,
            key: ServerKey(file: configuration.data.keyFile))
        let manager = ServiceManager(logger: logger)
        let reloader = Reloader(
            server, read: { [options] in try options.read() },
            begins: { manager.tell(.reloading) }, ends: { manager.tell(.ready) },
            reloaded: { configuration in
                level.value = configuration.log.level
                Self.checkCertificates(configuration, logger)
            })
        let service = ServerService(
            server: server, web: WebService(server), reloader: reloader, manager: manager, group: group,
            pidFile: pidFile)
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let services = ServiceGroup(
            services: [service], gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        server.whenAskedToStop { Task { await services.triggerGracefulShutdown() } }
        try await services.run()
    }

    /// Logs certificates that are wrong or about to expire.
    private static func checkCertificates(_ configuration: ServerConfiguration, _ logger: Logger) {
        for finding in CertificateCheck().findings(configuration) where finding.severity != .ok {
            logger.log(level: finding.severity == .error ? .error : .warning, "\(finding.detail)")
        }
    }

    private func prepareProcess(_ logger: Logger) {
        // The reader of the log or of a reply may go away at any time.
        signal(SIGPIPE, SIG_IGN)
        // Until the server's service handles it.
        signal(SIGHUP, SIG_IGN)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

/// Runs the server until the signal that ends it.
private struct ServerService: ServiceLifecycle.Service {
    /// How long an orderly end may take; a service manager may kill the process soon after.
    private static let patience = Duration.milliseconds(4700)

    let server: Server
    let web: WebService
    let reloader: Reloader
    let manager: ServiceManager
    let group: any EventLoopGroup
    let pidFile: String?

    func run() async throws {
        let data = server.configuration.data
        let socket = try await AdministrationSocket(
            path: data.administrationSocket, Administration(server, reloader), group: group)
        do {
            try await server.start()
            try await web.start()
            try writeProcessID()
        } catch {
            await socket.close()
            await stop()
            throw error
        }
        server.logger.info("ready", metadata: ["version": "\(Software.version)"])
        manager.tell(.ready)
        // When everything that begins with the server has begun.
        let releasing = Task {
            try await Task.sleep(for: .seconds(1))
            StartUpMemory.release()
        }
        let reloading = Task { await reloadWhenAsked() }
        let watching = Task { await manager.watch(group) }
        try? await gracefulShutdown()
        reloading.cancel()
        releasing.cancel()
        watching.cancel()
        server.logger.info("stopping")
        manager.tell(.stopping)
        startPatience()
        await socket.close()
        await stop()
        if let pidFile { unlink(pidFile) }
        server.logger.info("stopped")
    }

    /// In parallel: a browser's request may wait for a stream, and be answered when that stream ends.
    private func stop() async {
        await server.closeListeners()
        async let pages: Void = web.stop()
        await server.stop()
        await pages
    }

    /// Reloads at SIGHUP; signals during a reload cause one more.
    private func reloadWhenAsked() async {
        let (asked, ask) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let signals = Task {
            for await _ in await UnixSignalsSequence(trapping: .sighup) { ask.yield() }
        }
        for await _ in asked {
            // Errors are in the log.
            _ = try? await reloader.reload()
        }
        signals.cancel()
    }

    private func writeProcessID() throws {
        guard let pidFile else { return }
        do {
            try "\(getpid())\n".write(toFile: pidFile, atomically: true, encoding: .utf8)
        } catch {
            throw ServerError("cannot write the process id to \(pidFile): \(error.localizedDescription)")
        }
    }

    /// Limits the time until the process has ended, including its storage.
    private func startPatience() {
        Task { [logger = server.logger] in
            try await Task.sleep(for: Self.patience)
            logger.error("the server did not end in time; what was committed is safe")
            exit(1)
        }
    }
}
