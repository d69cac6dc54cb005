import Hummingbird
import Logging
import NIOCore
import NIOPosix
import Synchronization
public import XMPPServer

/// The HTTP side of a server: a site for each host, and the listeners that serve them.
///
/// Made and started after the server, stopped along with it. Where the configuration has no HTTP listener, none is made.
public final class WebService: Sendable {
    private let server: Server
    private let sites: [WebSite]
    private let tls: TLSContext?
    private let connections = Mutex<[ObjectIdentifier: HTTPConnection]>([:])

    /// How long requests have to be answered when the server stops.
    static let patience = TimeAmount.seconds(2)

    /// Sets up the sites. Nothing is opened yet.
    ///
    /// - Throws: `ServerError` if a certificate cannot be read.
    public init(_ server: Server) throws {
        self.server = server
        sites = server.hosts.all.filter { $0.modules.contains { $0 is any WebModule } }.map {
            WebSite($0, of: server)
        }
        let needsTLS = server.configuration.httpListeners.contains { $0.usesTLS }
        do {
            tls = needsTLS ? try TLSContext(server.configuration.hosts, for: .web) : nil
        } catch {
            throw ServerError("cannot read a certificate or its key: \(error)")
        }
        guard !needsTLS || tls != nil else {
            throw ServerError("an HTTP listener uses TLS, but no host has a certificate")
        }
    }

    /// Opens all HTTP listeners.
    ///
    /// - Returns: the addresses that they listen on, in the order of the configuration.
    @discardableResult
    public func start() async throws -> [SocketAddress] {
        for site in sites { await site.sessions.load() }
        var addresses: [SocketAddress] = []
        for listener in server.configuration.httpListeners {
            let opened = try await server.listen(
                on: listener.addresses, port: listener.port, proxies: listener.proxies
            ) { [self] channel in
                try accept(channel, on: listener)
            }
            for site in sites(of: listener) { site.listens(usesTLS: listener.usesTLS, port: opened.first?.port) }
            addresses += opened
        }
        for site in sites where server.configuration.httpListeners.contains(where: { $0.serves(site.host.domain) }) {
            site.opened()
            server.logger.info("on the web", metadata: ["address": "\(site.address)"])
        }
        return addresses
    }

    /// Answers the requests that are there and no further ones. Connections that have turned to another protocol are
    /// left to it.
    public func stop() async {
        for site in sites { site.closing() }
        let open = connections.withLock { Array($0.values) }
        for connection in open { connection.stop() }
        for connection in open { await connection.hasFinished() }
    }

    /// Serves a connection that somebody else has made, such as a test.
    public func accept(_ channel: any Channel, on listener: HTTPListenerConfiguration) throws {
        if listener.usesTLS, let tls { try channel.pipeline.syncOperations.addHandler(tls.makeHandler()) }
        let connection = HTTPConnection(channel, WebResponder(sites(of: listener), listener, server.logger))
        let id = ObjectIdentifier(connection)
        connections.withLock { $0[id] = connection }
        connection.finished.whenSuccess { [weak self] in self?.connections.withLock { $0[id] = nil } }
        try connection.begin()
    }

    private func sites(of listener: HTTPListenerConfiguration) -> [WebSite] {
        sites.filter { listener.serves($0.host.domain) }
    }
}
