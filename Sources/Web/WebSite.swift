public import Hummingbird
import NIOCore
import Synchronization
public import XMPPServer

/// What a host shows on the web: the routes of its modules that are `WebModule`s.
public final class WebSite: Sendable {
    /// Takes down what modules add to a site.
    public struct Builder {
        /// The site, whose address is known when requests come.
        public let site: WebSite
        /// Where routes are added.
        public let router: Router<WebContext>
        var upgrades: [WebUpgrade] = []

        /// Adds a protocol that connections may turn to.
        public mutating func add(_ upgrade: WebUpgrade) { upgrades.append(upgrade) }
    }

    /// The host.
    public let host: Host
    /// The server that the host belongs to.
    public let server: Server
    private let place: Mutex<WebAddress>
    private let routes = Mutex<(responder: RouterResponder<WebContext>, upgrades: [WebUpgrade])?>(nil)

    init(_ host: Host, of server: Server) {
        self.host = host
        self.server = server
        place = Mutex(host.configuration.webAddress ?? WebAddress(usesTLS: true, host: host.domain, port: nil))
        var builder = Builder(site: self, router: Router(context: WebContext.self, options: .autoGenerateHeadEndpoints))
        for case let module as any WebModule in host.modules.map(\.module) { module.register(on: &builder) }
        let built = (builder.router.buildResponder(), builder.upgrades)
        routes.withLock { $0 = built }
    }

    /// Where browsers find it.
    public var address: WebAddress { place.withLock { $0 } }

    /// Takes down where a listener serves the site, unless the configuration says where it is to be found.
    func listens(usesTLS: Bool, port: Int?) {
        guard host.configuration.webAddress == nil else { return }
        place.withLock { $0 = WebAddress(usesTLS: usesTLS, host: host.domain, port: port) }
    }

    /// True if a request with this `Host` is for the site.
    func isNamed(_ name: String) -> Bool { name == host.domain || name == host.configuration.webAddress?.host }

    func respond(to request: Request, _ context: WebContext) async throws -> Response {
        guard let responder = routes.withLock({ $0?.responder }) else { throw HTTPError(.notFound) }
        return try await responder.respond(to: request, context: context)
    }

    func upgrade(at path: String) -> WebUpgrade? {
        routes.withLock { $0?.upgrades.first { $0.path == path } }
    }
}
