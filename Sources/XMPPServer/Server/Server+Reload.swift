import Logging
import NIOCore
import Synchronization
import XMPP
import XMPPStream

extension Server {
    /// Puts another configuration into use. Connections stay, except those of hosts that are no longer served. Settings
    /// that need a restart stay as they are. Concurrent reloads run one after the other.
    ///
    /// - Parameter read: reads the configuration when it is this reload's turn, so that the last reload uses the last
    ///   version.
    /// - Returns: what has changed, and what needs a restart.
    /// - Throws: what `read` throws, or `ServerError` with a sentence for the operator; then nothing has changed.
    public func reload(
        _ read: @Sendable () throws -> ServerConfiguration
    ) async throws -> [ConfigurationChange] {
        try await reloads.run(for: "configuration") { [self] in
            do {
                return Result<[ConfigurationChange], any Error>.success(try await change(to: try read()))
            } catch {
                return .failure(error)
            }
        }.get()
    }

    /// What a reload of the configuration would change.
    ///
    /// - Throws: `ServerError` if the reload is sure to fail.
    public func plan(_ new: ServerConfiguration) throws -> [ConfigurationChange] {
        new.changes(from: configuration) + certificates.changes(in: try certificates.read(new.hosts))
    }

    /// Looks every minute for certificates that were replaced.
    var certificateJob: Registrar.Job {
        Registrar.Job(interval: .seconds(60)) { [weak self] in await self?.takeReplacedCertificates() }
    }

    /// Shows new connections the certificates that the files have now. As long as those cannot be used, such as between
    /// the replacement of a certificate and that of its key, the former ones are shown.
    private func takeReplacedCertificates() async {
        await reloads.run(for: "configuration") { [self] in
            let hosts = configuration.hosts
            guard !router.isStopping.load(ordering: .relaxed) else { return }
            guard certificates.areOutdated(for: hosts) else { return note(certificateProblem: nil) }
            do throws(ServerError) {
                let read = try certificates.read(hosts)
                let changes = certificates.changes(in: read)
                certificates.use(read)
                note(certificateProblem: nil)
                for change in changes { log(change) }
            } catch {
                note(certificateProblem: "\(error)")
            }
        }
    }

    func log(_ change: ConfigurationChange) {
        logger.info(
            "changed", metadata: ["place": "\(change.place)", "change": "\(change.change)", "from": "\(change.effect)"])
    }

    private func change(to new: ServerConfiguration) async throws -> [ConfigurationChange] {
        guard !router.isStopping.load(ordering: .relaxed) else { throw ServerError("the server is about to stop") }
        let running = configuration
        // First everything that may fail, without effect.
        let read = try certificates.read(new.hosts)
        let changes = new.changes(from: running) + certificates.changes(in: read)
        let prepared = try await prepare(new.hosts)
        let otherPorts = prepared.flatMap(\.loaded.ports) + (try part?.ports(in: new) ?? [])
        let opened = try await ports.prepare(streamPorts(of: new) + otherPorts)
        // From here on nothing fails.
        use(new.running(in: running))
        certificates.use(read)
        connections.use(new.limits)
        authenticator.use(new.limits)
        let added = prepared.map(\.host).filter { !$0.isServed }
        let served = Set(prepared.map(\.host.domain))
        let ended = hosts.all.filter { !served.contains($0.domain) }
        for (host, loaded) in prepared {
            host.use(new.limits)
            host.serve(loaded)
        }
        let (former, services) = (hosts.services, services(of: prepared))
        hosts.serve(prepared.map(\.host), services)
        for case let component as ComponentService in former where !services.contains(where: { $0 === component }) {
            await component.leave()
        }
        for host in ended { host.leave() }
        for host in added { await host.restoreSessions() }
        jobs.run(hosts.all.flatMap(\.loaded.modules))
        // Their streams find the new hosts now.
        await ports.use(opened, streamPorts(of: new) + otherPorts)
        log(opened: ports.opened(by: opened))
        await part?.reloaded()
        await oneTick()
        return changes
    }

    /// Makes new hosts, and modules that are new or have other settings. They are not in use yet.
    func prepare(_ configurations: [HostConfiguration]) async throws -> [(host: Host, loaded: LoadedModules)] {
        var prepared: [(host: Host, loaded: LoadedModules)] = []
        for configuration in configurations {
            let host = try await host(for: configuration)
            do throws(ModuleConflict) {
                prepared.append((host, try host.modules(for: configuration)))
            } catch {
                throw ServerError("\(configuration.domain): \(error.description)")
            }
        }
        var taken = Set(configurations.flatMap { [$0.domain] + $0.components.map(\.domain) })
        for service in prepared.flatMap({ $0.loaded.modules.flatMap(\.services) })
        where !taken.insert(service.domain.domain).inserted {
            throw ServerError("\(service.domain) is taken already: give the service a domain of its own")
        }
        for (host, loaded) in prepared {
            do throws(StorageError) {
                try await host.accounts.prepare(toPreload: loaded.preloads)
            } catch {
                throw ServerError("\(host.domain): the store failed: \(error.diagnosis)")
            }
        }
        return prepared
    }

    /// When every event loop has had a tick, none uses a replaced value any more.
    private func oneTick() async {
        await withTaskGroup(of: Void.self) { tasks in
            for loop in group.makeIterator() {
                tasks.addTask {
                    // A loop that does not answer does not hold up the reload: see `Replaceable`.
                    _ = await value(of: { try? await loop.submit {}.get() }, within: .seconds(1))
                }
            }
        }
    }
}

extension ServerConfiguration {
    /// The configuration of a server that was started with another one: some settings need a restart.
    func running(in former: ServerConfiguration) -> ServerConfiguration {
        var running = self
        running.data = former.data
        running.log.format = former.log.format
        running.limits.eventLoops = former.limits.eventLoops
        running.limits.traceSize = former.limits.traceSize
        return running
    }
}
