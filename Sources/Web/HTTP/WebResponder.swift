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
            let client = client(request.headers[values: .xForwardedFor], IPAddress(channel.remoteAddress))
            let context = WebContext(source: WebContext.Source(logger: logger, site: site, client: client))
            do {
                response = try await site.respond(to: request, context)
            } catch let error as any HTTPResponseError {
                response = (try? error.response(from: request, context: context)) ?? Response(status: error.status)
            } catch {
                // The error may quote what was sent.
                logger.error("request failed", metadata: ["path": "\(request.uri.path)", "kind": "\(type(of: error))"])
                response = Response(status: .internalServerError)
            }
        } else {
            response = Response(status: .misdirectedRequest)
        }
        secure(&response)
        return response
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

    /// The address that is counted: the last that a proxy of ours has not added itself.
    private func client(_ forwarded: [String], _ peer: IPAddress?) -> IPAddress? {
        guard var client = peer else { return nil }
        for text in forwarded.flatMap({ $0.split(separator: ",") }).reversed() {
            guard proxies.contains(where: { $0.contains(client) }) else { break }
            guard let address = IPAddress(text.trimmingPrefix { $0 == " " }.description) else { break }
            client = address
        }
        return client
    }

    /// The address of a client that asks for an upgrade.
    func client(_ head: HTTPRequestHead, _ channel: any Channel) -> IPAddress? {
        client(head.headers["X-Forwarded-For"], IPAddress(channel.remoteAddress))
    }

    /// The upgrade that a request asks for.
    func upgrade(_ head: HTTPRequestHead) -> WebUpgrade? {
        let path = head.uri.prefix { $0 != "?" }
        return site(head.headers.first(name: "host"))?.upgrade(at: String(path))
    }
}

extension HTTPField.Name {
    static let referrerPolicy = Self("Referrer-Policy")!
    static let xForwardedFor = Self("X-Forwarded-For")!
}
