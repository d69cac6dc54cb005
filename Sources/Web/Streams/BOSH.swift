import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import XMPPServer
import XMPPStream

/// Streams over BOSH, for clients without WebSocket: XEP-0124 and XEP-0206.
final class BOSH: ConnectionMethod {
    static let info = ModuleInfo(
        "bosh", implements: [.xep(124, "1.11.2"), .xep(206, "1.4")],
        summary: "Streams over HTTP requests, for clients that cannot use WebSocket.")
    static let relation = "urn:xmpp:alt-connections:xbosh"

    /// The site's sessions; nil: there is no site.
    private let sessions = Mutex<BOSHSessions?>(nil)

    struct Settings: ModuleSettings {
        let path: String

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            path = section.path(default: "/http-bind", "Where clients connect, on the host's site.")
        }
    }

    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {}

    func register(on site: inout WebSite.Builder) {
        let server = site.site.server
        let streams = site.site.streams
        sessions.withLock { $0 = streams.bosh }
        site.router.post(RouterPath(settings.path)) { request, context in
            let body: ByteBuffer
            do {
                body = try await request.body.collect(upTo: streams.bosh.largestRequest)
            } catch is NIOTooManyBytesError {
                return Self.response(BOSHSessions.refusalOfTooLarge)
            }
            let address = context.client.flatMap { try? SocketAddress(ipAddress: $0.description, port: 0) }
            let answer = await streams.bosh.respond(to: body, on: server.group.next(), from: address)
            return Self.response(answer)
        }
        // CORS for pages of other sites; no cookies are used.
        site.router.on(RouterPath(settings.path), method: .options) { _, _ in
            Response(
                status: .noContent,
                headers: Self.headers([
                    .accessControlAllowMethods: "POST", .accessControlAllowHeaders: "Content-Type",
                    .accessControlMaxAge: "86400",
                ]))
        }
    }

    func closing() { sessions.withLock { $0 }?.stop() }

    private static func response(_ body: ByteBuffer) -> Response {
        Response(
            status: .ok, headers: headers([.contentType: "text/xml; charset=utf-8"]),
            body: ResponseBody(byteBuffer: body))
    }

    private static func headers(_ others: HTTPFields) -> HTTPFields {
        var headers = others
        headers[.accessControlAllowOrigin] = "*"
        return headers
    }

    func connectionAddress(at site: WebAddress) -> String { "\(site)\(settings.path)" }
}
