public import Hummingbird
import NIOCore
import Synchronization
public import XMPPServer

/// A host's web site: the routes of its modules that are `WebModule`s.
public final class WebSite: Sendable {
    /// Collects what modules add to a site.
    public struct Builder {
        /// The site, whose address is known when requests come.
        public let site: WebSite
        /// Where routes are added.
        public let router: Router<WebContext>
        var upgrades: [WebUpgrade] = []
        var links: [Link] = []
        var apps: [@Sendable (WebAddress) -> App] = []
        var names: [String] = []

        /// Adds a name by which the site is asked as well, such as that of a proxy in front of it.
        public mutating func addName(_ name: String) { names.append(name) }

        /// Adds a protocol that connections can be upgraded to.
        public mutating func add(_ upgrade: WebUpgrade) { upgrades.append(upgrade) }

        /// Adds a page to the site's navigation.
        public mutating func addLink(_ title: String, to path: String) { links.append(Link(title: title, path: path)) }

        /// Adds an app of the site itself, which need not be registered.
        ///
        /// - Parameter app: makes the app for the site's address.
        public mutating func addApp(_ app: @escaping @Sendable (WebAddress) -> App) { apps.append(app) }
    }

    /// A page in the site's navigation.
    struct Link: Sendable {
        let title: String
        let path: String
    }

    private struct Content: Sendable {
        var responder: RouterResponder<WebContext>?
        var upgrades: [WebUpgrade] = []
        var links: [Link] = []
        var apps: [@Sendable (WebAddress) -> App] = []
        var names: [String] = []
    }

    /// The host.
    public let host: Host
    /// The server that the host belongs to.
    public let server: Server
    /// Performs owners' changes of their accounts, as for an administrator.
    let administration: Administration
    let sessions: BrowserSessions
    /// Outcomes for the page shown next; by visitor.
    let notices = ExpiringTable<String, JID, String>(capacity: 10_000, share: 50)
    private let place: Mutex<WebAddress>
    private let content = Mutex(Content())
    private let openedStreams = Mutex<WebStreams?>(nil)

    init(_ host: Host, of server: Server) {
        self.host = host
        self.server = server
        administration = Administration(server, of: host)
        sessions = BrowserSessions(of: host)
        place = Mutex(WebAddress(usesTLS: true, host: host.domain, port: nil))
        build()
    }

    /// Rebuilds the site from the host's present modules. Unfinished flows continue.
    func build() {
        var builder = Builder(site: self, router: Router(context: WebContext.self, options: .autoGenerateHeadEndpoints))
        for case let module as any WebModule in host.modules { module.register(on: &builder) }
        let built = Content(
            responder: builder.router.buildResponder(), upgrades: builder.upgrades, links: builder.links,
            apps: builder.apps, names: builder.names)
        content.withLock { $0 = built }
        openedStreams.withLock { $0 }?.reload()
    }

    /// Streams over HTTP, for the modules that provide them.
    public var streams: WebStreams {
        openedStreams.withLock { streams in
            let open = streams ?? server.webStreams(of: [host.domain])
            streams = open
            return open
        }
    }

    /// Verifies passwords.
    var authenticator: Authenticator { server.authenticator }
    var limits: ServerLimits { server.configuration.limits }

    /// Its address for browsers.
    public var address: WebAddress { host.configuration.webAddress ?? place.withLock { $0 } }

    /// Records a listener that serves the site.
    func listens(usesTLS: Bool, port: Int?) {
        place.withLock { $0 = WebAddress(usesTLS: usesTLS, host: host.domain, port: port) }
    }

    /// Tells the modules that the site is reachable.
    func opened() {
        // Unless one of them issues tokens.
        host.authorizationServer = nil
        for case let module as any WebModule in host.modules { module.opened(self) }
    }

    /// Tells the modules that no more requests come.
    func closing() {
        for case let module as any WebModule in host.modules { module.closing() }
    }

    /// Whether a request with this `Host` is for the site.
    func isNamed(_ name: String) -> Bool {
        name == host.domain || name == host.configuration.webAddress?.host
            || content.withLock { $0.names.contains(name) }
    }

    func respond(to request: Request, _ context: WebContext) async throws -> Response {
        guard let responder = content.withLock({ $0.responder }) else { throw HTTPError(.notFound) }
        return try await responder.respond(to: request, context: context)
    }

    func upgrade(at path: String) -> WebUpgrade? {
        content.withLock { $0.upgrades.first { $0.path == path } }
    }

    var links: [Link] { content.withLock { $0.links } }

    /// Whether the app is one of the site's own.
    func isOwn(_ app: App) -> Bool { own(app.id) != nil }

    private func own(_ id: String) -> App? {
        let address = address
        return content.withLock { $0.apps }.map { $0(address) }.first { $0.id == id }
    }

    /// The app with the id: one of the site's own, or a registered one.
    func app(_ id: String) async throws(StorageError) -> App? {
        if let own = own(id) { return own }
        guard id.utf8.count <= 64 else { return nil }
        return try await App.store(in: host.storage).get(host.jid, key: id)
    }
}
