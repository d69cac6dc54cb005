import Hummingbird
import XMPPServer

/// The pages of a host: where people sign in and look after their accounts.
struct WebPages: WebModule {
    static let info = ModuleInfo(
        "web-pages", implements: [], summary: "Pages on which people sign in and look after their accounts.")

    init(host: Host, configuration: ConfigSection) {}

    func register(_ registrar: inout Registrar) {}

    func register(on site: inout WebSite.Builder) {
        site.router.get("/") { _, context in
            Response(
                status: .ok, headers: [.contentType: "text/html; charset=utf-8"],
                body: ResponseBody(
                    byteBuffer: ByteBuffer(string: "<!doctype html><title>\(context.host.domain)</title>")))
        }
    }
}
