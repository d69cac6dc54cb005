import Hummingbird
import Logging
import NIOCore
import NIOPosix
import Synchronization
public import XMPPServer

/// The HTTP side of a server: a site for each host, and the listeners.
///
/// Made and started after the server, stopped along with it. Without an HTTP listener in the configuration there are no
/// sites.
public final class WebService: ServerPart {
    private let server: Server
    private let currentSites = Mutex<[WebSite]>([])
    private let connections = Mutex<[ObjectIdentifier: HTTPConnection]>([:])

    /// How long requests have to be answered when the server stops.
    static let patience = TimeAmount.seconds(2)

    /// Sets nothing up yet.
    public init(_ server: Server) {
        self.server = server
        server.attach(self)
    }

    private var sites: [WebSite] { currentSites.withLock { $0 } }

    /// Opens all HTTP listeners.
    ///
    /// - Returns: their addresses, in the order of the configuration.
    /// - Throws: `ServerError` if a port cannot be opened, or there is no certificate.
    @discardableResult
    public func start() async throws -> [SocketAddress] {
        await makeSites()
        try await server.openPorts(of: self)
        open()
        return server.addresses(of: try ports(in: server.configuration))
    }

    public func ports(in configuration: ServerConfiguration) throws(ServerError) -> [PortUse] {
        guard
            configuration.hosts.contains(where: { $0.certificate != nil })
                || !configuration.httpListeners.contains(where: \.usesTLS)
        else { throw ServerError("an HTTP listener uses TLS, but no host has a certificate") }
        return configuration.httpListeners.enumerated().map { index, listener in
            PortUse(
                "http-listeners[\(index)]", listener.addresses, port: listener.port, proxies: listener.proxies
            ) { [self] channel in
                try accept(channel, on: listener)
            }
        }
    }

    public func reloaded() async {
        await makeSites()
        open()
    }

    /// Makes or rebuilds a site for each host on the web.
    private func makeSites() async {
        let known = sites
        let isNeeded = !server.configuration.httpListeners.isEmpty
        let hosts = server.hosts.all.filter { host in isNeeded && host.modules.contains { $0 is any WebModule } }
        var made: [WebSite] = []
        for host in hosts {
            if let site = known.first(where: { $0.host === host }) {
                site.build()
                made.append(site)
            } else {
                let site = WebSite(host, of: server)
                await site.sessions.load()
                made.append(site)
            }
        }
        let sites = made
        currentSites.withLock { $0 = sites }
        for site in known where !sites.contains(where: { $0 === site }) { site.closing() }
    }

    /// Tells the sites their addresses.
    private func open() {
        let configuration = server.configuration
        // Checked before, when the ports were opened.
        let ports = (try? ports(in: configuration)) ?? []
        for (listener, port) in zip(configuration.httpListeners, ports) {
            let number = server.addresses(of: [port]).first?.port
            for site in sites(of: listener) { site.listens(usesTLS: listener.usesTLS, port: number) }
        }
        for site in sites where configuration.httpListeners.contains(where: { $0.serves(site.host.domain) }) {
            site.opened()
            server.logger.info("on the web", metadata: ["address": "\(site.address)"])
        }
    }

    /// Answers present requests and no further ones. Upgraded connections are left to their protocols.
    public func stop() async {
        for site in sites { site.closing() }
        let open = connections.withLock { Array($0.values) }
        for connection in open { connection.stop() }
        for connection in open { await connection.hasFinished() }
    }

    /// Serves a connection made elsewhere, such as in a test.
    public func accept(_ channel: any Channel, on listener: HTTPListenerConfiguration) throws {
        if listener.usesTLS {
            guard let tls = server.certificates.web else { throw ServerError("no host has a certificate") }
            try channel.pipeline.syncOperations.addHandler(tls.makeTLSHandler())
        }
        let connection = HTTPConnection(
            channel, WebResponder({ [weak self] in self?.sites(of: listener) ?? [] }, listener, server.logger))
        let id = ObjectIdentifier(connection)
        connections.withLock { $0[id] = connection }
        connection.finished.whenSuccess { [weak self] in self?.connections.withLock { $0[id] = nil } }
        try connection.begin()
    }

    private func sites(of listener: HTTPListenerConfiguration) -> [WebSite] {
        sites.filter { listener.serves($0.host.domain) }
    }
}
