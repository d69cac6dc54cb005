import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import XMPP
import XMPPServer

/// Finds the site of a request, and adds security headers to every answer.
struct WebResponder: Sendable {
    /// The present sites.
    private let sites: @Sendable () -> [WebSite]
    private let listener: HTTPListenerConfiguration
    private let logger: Logger

    init(_ sites: @escaping @Sendable () -> [WebSite], _ listener: HTTPListenerConfiguration, _ logger: Logger) {
        self.sites = sites
        self.listener = listener
        self.logger = logger
    }

    /// The site with that authority, such as `chat.example:5443`. Other names get no site, so that nobody can show our
    /// pages under their name.
    private func site(_ authority: String?) -> WebSite? {
        guard let authority, let name = WebAddress.split(authority[...])?.host else { return nil }
        return sites().first { $0.isNamed(name) }
    }

    func respond(to request: Request, _ channel: any Channel) async -> Response {
        let peer = IPAddress(channel.remoteAddress)
        var response: Response
        if let site = site(request.head.authority) {
            let forwarded = ForwardedFor(
                xForwardedFor: request.headers[values: .xForwardedFor], forwarded: request.headers[values: .forwarded])
            let client = peer.map { forwarded.client(behind: $0, listener.proxies) }
            // Direct clients are counted by their connections.
            let counted = isProxy(peer) ? client : nil
            if let counted, !site.server.admit(client: counted) {
                response = Response(status: .tooManyRequests)
            } else {
                defer { if let counted { site.server.release(client: counted) } }
                response = await respond(
                    to: request, WebContext(source: WebContext.Source(logger: logger, site: site, client: client)))
            }
            if response.status.code >= 400, response.body.contentLength == 0 { explain(&response, at: site) }
            // RFC 6797 §7.2: only over TLS.
            if isSecure(request, peer) { response.headers[.strictTransportSecurity] = "max-age=31536000" }
        } else {
            response = misdirected(request, peer)
        }
        secure(&response)
        return response
    }

    private func respond(to request: Request, _ context: WebContext) async -> Response {
        do {
            return try await context.site.respond(to: request, context)
        } catch let error as any HTTPResponseError {
            return (try? error.response(from: request, context: context)) ?? Response(status: error.status)
        } catch {
            // The error may quote what was sent.
            logger.error("request failed", metadata: ["path": "\(request.uri.path)", "kind": "\(type(of: error))"])
            return Response(status: .internalServerError)
        }
    }

    // MARK: Pages without a visitor

    /// Adds a page to an error, for people; otherwise the browser shows a blank one.
    private func explain(_ response: inout Response, at site: WebSite) {
        let (title, text) =
            switch response.status {
            case .notFound: ("There is no such page", "Nothing is kept under this address.")
            case .forbidden:
                ("That did not work", "The page was out of date, or your browser takes no cookies. Please try again.")
            case .contentTooLarge: ("That is too large", "So much cannot be taken at once.")
            case .internalServerError: ("That did not work", "It is not your fault. Please try again later.")
            default: ("That did not work", "The request cannot be answered: \(response.status.reasonPhrase).")
            }
        let page = Page.notice(title, text, status: response.status, links: site.links.isEmpty ? [] : [("Go on", "/")])
        var headers = response.headers
        headers[.contentLength] = nil
        response = page.response(named: site.host.domain)
        response.headers.append(contentsOf: headers)
    }

    /// For an unknown name. Only clients on this machine are told the known ones.
    private func misdirected(_ request: Request, _ peer: IPAddress?) -> Response {
        if request.uri.path == StyleSheet.path { return StyleSheet.response }
        let isForwarded = [HTTPField.Name.xForwardedFor, .forwarded, .via].contains { request.headers[$0] != nil }
        let isLocal = peer?.isLoopback == true && !isForwarded && isLoopback(request.head.authority)
        let links = isLocal ? sites().filter { !$0.links.isEmpty }.map { ("\($0.address)", "\($0.address)/") } : []
        let text =
            links.isEmpty
            ? "The address is not spelt like that of any site here. Whoever runs the server knows the right one."
            : "Each site here is served under its own name alone:"
        return Page.notice("There is no site of this name", text, status: .misdirectedRequest, links: links)
            .response(named: "Swallowtail")
    }

    private func isLoopback(_ authority: String?) -> Bool {
        guard let authority, let name = WebAddress.split(authority[...])?.host else { return false }
        return name == "localhost" || IPAddress(name.filter { !"[]".contains($0) })?.isLoopback == true
    }

    // MARK: What every answer says

    /// Adds the default headers.
    private func secure(_ response: inout Response) {
        func add(_ name: HTTPField.Name, _ value: String) {
            if response.headers[name] == nil { response.headers[name] = value }
        }
        add(.contentSecurityPolicy, ContentPolicy.nothing.description)
        add(.xContentTypeOptions, "nosniff")
        add(.referrerPolicy, "no-referrer")
        add(.cacheControl, "no-store")
        add(.date, HTTPDate.text(.now()))
        if response.headers[.contentLength] == nil, let length = response.body.contentLength {
            response.headers[.contentLength] = "\(length)"
        }
    }

    /// Whether the request came over TLS, to us or to our proxy.
    private func isSecure(_ request: Request, _ peer: IPAddress?) -> Bool {
        listener.usesTLS || (isProxy(peer) && request.headers[.xForwardedProto] == "https")
    }

    // MARK: Clients

    private func isProxy(_ peer: IPAddress?) -> Bool {
        peer.map { peer in listener.proxies.contains { $0.contains(peer) } } ?? false
    }

    /// The address of a client that asks for an upgrade through a proxy; nil: directly.
    func client(_ request: HTTPRequest, _ channel: any Channel) -> IPAddress? {
        guard let peer = IPAddress(channel.remoteAddress), isProxy(peer) else { return nil }
        let forwarded = ForwardedFor(
            xForwardedFor: request.headerFields[values: .xForwardedFor],
            forwarded: request.headerFields[values: .forwarded])
        return forwarded.client(behind: peer, listener.proxies)
    }

    /// The upgrade at a request's path.
    func upgrade(_ request: HTTPRequest) -> WebUpgrade? {
        guard !request.protocols.isEmpty, let path = request.path?.prefix(while: { $0 != "?" }) else { return nil }
        return site(request.authority)?.upgrade(at: String(path))
    }

    /// Logs a client's error at a low level, as anybody can cause any number of them.
    func note(_ text: Logger.Message, _ error: any Error, _ channel: any Channel) {
        logger.debug(
            text,
            metadata: [
                "client": "\(IPAddress(channel.remoteAddress)?.description ?? "unknown")",
                "kind": "\(type(of: error))",
            ])
    }
}

extension HTTPField.Name {
    static let forwarded = Self("Forwarded")!
    static let referrerPolicy = Self("Referrer-Policy")!
    static let via = Self("Via")!
    static let xForwardedFor = Self("X-Forwarded-For")!
    static let xForwardedProto = Self("X-Forwarded-Proto")!
}
