import Hummingbird
import NIOHTTP1
import TestKit
import Testing
import XMPP
import XMPPServer

@testable import Web

/// Who may ask for what on the web: a row for each route, and no route without a row.
@Suite struct RouteRightsTests {
    enum Who: Sendable {
        case anybody
        /// Somebody who has signed in with the password on this browser. An access token is worth nothing there.
        case person
        /// An app that says which one it is, with its secret if it has one.
        case app
        /// A program with a token of an administrator that has the scope `admin`.
        case administrator
    }

    private static let rows: [String: Who] = [
        "GET /": .anybody, "GET /style.css": .anybody, "GET /sign-in": .anybody, "POST /sign-in": .anybody,
        "POST /sign-out": .person,
        "GET /account": .person, "GET /account/photo": .person, "GET /account/export.xml": .person,
        "GET /account/export.json": .person, "GET /account/delete": .person, "GET /account/history/delete": .person,
        "GET /account/photo/remove": .person, "GET /account/photo.js": .anybody, "POST /account/photo": .person,
        "POST /account/profile": .person, "POST /account/history": .person, "POST /account/apps": .person,
        "POST /account/files": .person, "GET /account/files/delete": .person,
        "POST /account/password": .person, "POST /account/delete": .person,
        "GET /contacts": .person, "GET /contacts/remove": .person, "POST /contacts/answer": .person,
        "POST /contacts/remove": .person,
        "GET /oauth/authorize": .person, "POST /oauth/authorize": .person, "GET /device": .person,
        "POST /device": .person,
        "GET /.well-known/oauth-authorization-server": .anybody,
        "POST /oauth/token": .app, "POST /oauth/revoke": .app, "POST /oauth/introspect": .app,
        "POST /oauth/device": .app, "POST /oauth/register": .anybody,
        "OPTIONS /oauth/token": .anybody, "OPTIONS /oauth/revoke": .anybody, "OPTIONS /oauth/introspect": .anybody,
        "OPTIONS /oauth/device": .anybody, "OPTIONS /oauth/register": .anybody,
        "GET /chat/": .anybody, "GET /rooms": .anybody, "GET /chat/settings.json": .anybody,
        "GET /.well-known/host-meta": .anybody,
        "GET /.well-known/host-meta.json": .anybody,
        "POST /api/v1/commands/{name}": .administrator, "GET /api/v1/openapi.json": .anybody,
        "GET /health/live": .anybody, "GET /health/ready": .anybody,
        // There the answer is which method there is.
        "GET /api/v1/commands/{name}": .anybody, "PUT /api/v1/commands/{name}": .anybody,
        "PATCH /api/v1/commands/{name}": .anybody, "DELETE /api/v1/commands/{name}": .anybody,
        "POST /api/v1/openapi.json": .anybody, "PUT /api/v1/openapi.json": .anybody,
        "PATCH /api/v1/openapi.json": .anybody, "DELETE /api/v1/openapi.json": .anybody,
    ]

    /// Requests of streams, whose rights are those of their sessions, and files of the page that chats.
    private static func isStreamOrFile(_ route: String) -> Bool {
        route.hasSuffix(" /http-bind") || route.hasSuffix(" /xmpp-websocket")
            || route.wholeMatch(of: /GET \/chat\/[a-z-]+\.(js|css|svg)/) != nil
    }

    @Test func everyRouteHasARow() async throws {
        try await TestSite.run(
            oauth: "self-registration: on",
            modules: """
                chat-page: on, websocket: on, host-meta: on, command-api: on, rooms: on, rooms-page: on, health: on
                """
        ) {
            site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let token = try await browser.tokens().access
            var builder = WebSite.Builder(
                site: WebSite(site.host, of: site.server),
                router: Router(context: WebContext.self, options: .autoGenerateHeadEndpoints))
            for case let module as any WebModule in site.host.modules { module.register(on: &builder) }
            var found: Set<String> = []
            for route in builder.router.routes where route.method != .head {
                let name = "\(route.method.rawValue) /\(String(describing: route.path).drop { $0 == "/" })"
                if Self.isStreamOrFile(name) || Self.isStreamOrFile("\(name)") { continue }
                guard let who = Self.rows[name] ?? Self.rows["\(name)/"] else {
                    Issue.record("no row for \(name)")
                    continue
                }
                found.insert(Self.rows[name] == nil ? "\(name)/" : name)
                guard who != .anybody else { continue }
                let path = String(name.drop { $0 != "/" })
                // A token opens no page, and takes the place of no app's name.
                let answer = try await TestBrowser(site).send(
                    HTTPMethod(rawValue: route.method.rawValue), path, headers: ["authorization": "Bearer \(token)"],
                    body: route.method == .post ? "x=y" : nil)
                let leadsToSignIn = answer.status == 303 && answer.location?.hasPrefix("/sign-in") == true
                #expect(
                    leadsToSignIn || (400..<500).contains(answer.status), "\(name): \(answer.status)")
            }
            #expect(found == Set(Self.rows.keys), "rows for what there is not")
        }
    }
}
