import Crypto
import HTTPTypes
import Hummingbird
import NIOCore
import XMPPServer

import class Foundation.JSONEncoder

/// The Messenger in the browser: a page that is an app like others, signs in by the authorization-code flow and
/// connects by WebSocket.
struct ChatPage: WebModule {
    static let info = ModuleInfo(
        "chat-page", implements: [], requires: ["oauth", "websocket", "host-meta"],
        summary: "The Messenger in the browser.")

    /// The page's client id.
    static let clientID = "messenger"
    static let path = "/chat/"

    /// Data of the host for the page.
    private struct PageData: Encodable {
        let domain: String
        let client_id = ChatPage.clientID
        /// The scope that it asks for.
        let scope: String
    }

    private struct Asset {
        let name: String
        let type: String
        let body: ByteBuffer
        let tag: String

        init(_ name: String, _ type: String, _ bytes: [UInt8]) {
            self.name = name
            self.type = type
            body = ByteBuffer(bytes: bytes)
            tag = "\"\(Base64.encode(Array(SHA256.hash(data: bytes).prefix(12))))\""
        }
    }

    private static let script = "text/javascript; charset=utf-8"

    /// The first is the page itself.
    private static let assets = [
        Asset("", "text/html; charset=utf-8", PackageResources.chat_html),
        Asset("chat.css", "text/css; charset=utf-8", PackageResources.chat_css),
        Asset("chat.js", script, PackageResources.chat_js),
        Asset("messenger.js", script, PackageResources.messenger_js),
        Asset("oauth.js", script, PackageResources.oauth_js),
        Asset("stream.js", script, PackageResources.stream_js),
        Asset("view.js", script, PackageResources.view_js),
        Asset("xml.js", script, PackageResources.xml_js),
        Asset("swallowtail.svg", "image/svg+xml", PackageResources.swallowtail_svg),
    ]

    init(host: Host, settings: NoSettings) {}

    func register(_ registrar: inout Registrar) {}

    func register(on site: inout WebSite.Builder) {
        site.addLink("Messenger", to: Self.path)
        site.addApp { address in
            App(
                id: Self.clientID, name: "Messenger in the browser", redirects: ["\(address)\(Self.path)"],
                scopes: Set(App.standardScopes), createdAt: Timestamp(milliseconds: 0))
        }
        for asset in Self.assets {
            site.router.get(RouterPath(Self.path + asset.name)) { request, context in
                Self.respond(request, asset, on: context.site)
            }
        }
        let scopes = (site.site.host.configuration.authentication.tokenScopes + ["wl.offline_access"])
            .joined(separator: " ")
        site.router.get("\(Self.path)settings.json") { _, context in
            let json = try JSONEncoder().encode(PageData(domain: context.host.domain, scope: scopes))
            return Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: json)))
        }
    }

    private static func respond(_ request: Request, _ asset: Asset, on site: WebSite) -> Response {
        // The page refers to its files without its own path.
        guard !asset.name.isEmpty || request.uri.path.hasSuffix("/") else { return .redirect(to: path) }
        var headers: HTTPFields = [.contentType: asset.type, .eTag: asset.tag, .cacheControl: "no-cache"]
        headers[.contentSecurityPolicy] = policy(of: site).description
        guard request.headers[.ifNoneMatch] != asset.tag else {
            return Response(status: .notModified, headers: headers)
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: asset.body))
    }

    /// Photos come from vCards, as data. Not every browser takes a WebSocket for the own origin.
    private static func policy(of site: WebSite) -> ContentPolicy {
        ContentPolicy.page
            .allowing("'self'", for: "script-src")
            .allowing("'self' ws\(site.address.description.dropFirst(4))", for: "connect-src")
            .allowing("data:", for: "img-src")
    }
}
