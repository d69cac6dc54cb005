import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import XMPP
import XMPPServer

/// Finds the site that a request is for, and sees to it that every answer is safe to show.
struct WebResponder: Sendable {
    private let sites: [WebSite]
    private let proxies: [CIDRBlock]
    private let logger: Logger

    init(_ sites: [WebSite], _ listener: HTTPListenerConfiguration, _ logger: Logger) {
        self.sites = sites
        self.logger = logger
        proxies = listener.proxies
    }

    /// The site with that authority, such as `chat.example:5443`. Other names get nothing, so that no page of a stranger
    /// can pass as one of ours.
    private func site(_ authority: String?) -> WebSite? {
        guard let authority, let name = WebAddress.split(authority[...])?.host else { return nil }
        return sites.first { $0.isNamed(name) }
    }

    func respond(to request: Request, _ channel: any Channel) async -> Response {
        var response: Response
        if let site = site(request.head.authority) {
            let peer = IPAddress(channel.remoteAddress)
            let forwarded = ForwardedFor(
                xForwardedFor: request.headers[values: .xForwardedFor], forwarded: request.headers[values: .forwarded])
            let client = peer.map { forwarded.client(behind: $0, proxies) }
            // Whoever connects by themselves is counted by their connections.
            let counted = isProxy(peer) ? client : nil
            if let counted, !site.server.admit(client: counted) {
                response = Response(status: .tooManyRequests)
            } else {
                defer { if let counted { site.server.release(client: counted) } }
                response = await respond(
                    to: request, WebContext(source: WebContext.Source(logger: logger, site: site, client: client)))
            }
        } else {
            response = Response(status: .misdirectedRequest)
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

    /// What every answer says, unless it says something else itself.
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

    private func isProxy(_ peer: IPAddress?) -> Bool {
        peer.map { peer in proxies.contains { $0.contains(peer) } } ?? false
    }

    /// The address of a client that asks for an upgrade by way of a proxy; nil: it does so by itself.
    func client(_ head: HTTPRequestHead, _ channel: any Channel) -> IPAddress? {
        guard let peer = IPAddress(channel.remoteAddress), isProxy(peer) else { return nil }
        let forwarded = ForwardedFor(
            xForwardedFor: head.headers["X-Forwarded-For"], forwarded: head.headers["Forwarded"])
        return forwarded.client(behind: peer, proxies)
    }

    /// The upgrade that a request asks for.
    func upgrade(_ head: HTTPRequestHead) -> WebUpgrade? {
        let path = head.uri.prefix { $0 != "?" }
        return site(head.headers.first(name: "host"))?.upgrade(at: String(path))
    }
}

extension HTTPField.Name {
    static let referrerPolicy = Self("Referrer-Policy")!
    static let forwarded = Self("Forwarded")!
    static let xForwardedFor = Self("X-Forwarded-For")!
}
