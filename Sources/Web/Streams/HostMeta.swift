import class Foundation.JSONEncoder
import Hummingbird
import XMPPServer

/// Announces how clients can connect over HTTP, XEP-0156: `/.well-known/host-meta`, in both forms of RFC 6415.
struct HostMeta: WebModule {
    static let info = ModuleInfo(
        "host-meta", implements: [.xep(156, "1.4.0")], summary: "Tells where clients can connect over HTTP.")

    private struct Link: Encodable {
        let rel: String
        let href: String
    }

    private struct Document: Encodable {
        let links: [Link]
    }

    init(host: Host, settings: NoSettings) {}

    func register(_ registrar: inout Registrar) {}

    func register(on site: inout WebSite.Builder) {
        site.router.get("/.well-known/host-meta") { _, context in
            Self.response(Self.xrd(Self.links(context.site)), "application/xrd+xml; charset=utf-8")
        }
        site.router.get("/.well-known/host-meta.json") { _, context in
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
            let json = try encoder.encode(Document(links: Self.links(context.site)))
            return Self.response(ByteBuffer(bytes: json), "application/json")
        }
    }

    private static func links(_ site: WebSite) -> [Link] {
        site.host.modules.compactMap { module in
            guard let method = module as? any ConnectionMethod else { return nil }
            return Link(rel: type(of: method).relation, href: method.connectionAddress(at: site.address))
        }
    }

    private static func xrd(_ links: [Link]) -> ByteBuffer {
        var writer = XMLWriter(contentNamespace: .none)
        writer.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>")
        writer.element("XRD", "http://docs.oasis-open.org/ns/xri/xrd-1.0") { writer in
            for link in links { writer.element("Link", nil, ["rel": link.rel, "href": link.href]) }
        }
        return writer.finish()
    }

    /// Pages of other sites may read it, XEP-0156 §3.
    private static func response(_ body: ByteBuffer, _ type: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: type, .accessControlAllowOrigin: "*", .cacheControl: "max-age=3600"],
            body: ResponseBody(byteBuffer: body))
    }
}
