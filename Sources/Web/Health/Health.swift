import HTTPTypes
import Hummingbird
import NIOCore
import XMPPServer

/// Tells load balancers and supervisors how the server is: `/health/live` and `/health/ready`.
struct Health: WebModule {
    static let info = ModuleInfo(
        "health", implements: [], summary: "Tells those who watch the server whether it runs, and whether it is ready.")

    init(host: Host, settings: NoSettings) {}

    func register(_ registrar: inout Registrar) {}

    func register(on site: inout WebSite.Builder) {
        site.router.get("/health/live") { _, _ in Self.response(.ok, "live\n") }
        site.router.get("/health/ready") { _, context in
            await context.site.server.isReady()
                ? Self.response(.ok, "ready\n") : Self.response(.serviceUnavailable, "not ready\n")
        }
    }

    private static func response(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
