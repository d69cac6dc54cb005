import HTTPTypes
import Hummingbird
import NIOCore
import XMPP
import XMPPServer
import XMPPStream

/// OAuth 2.0: apps get access to accounts with their owners' consent. The tokens work as X-MESSENGER-OAUTH2 and as
/// OAUTHBEARER.
struct OAuth: WebModule {
    static let info = ModuleInfo(
        "oauth",
        implements: [
            .rfc(6749, "§4.1, §6"), .rfc(7009, ""), .rfc(7591, ""), .rfc(7636, ""), .rfc(7662, ""), .rfc(8252, ""),
            .rfc(8414, ""), .rfc(8628, ""), .rfc(9207, ""), .xep(493, "0.1.1"),
        ],
        requires: ["web-pages"], summary: "Lets apps into the accounts of people who agree to it.")

    static let personalData = [PersonalData(store: Consent.storeName)]

    static let metadataPath = "/.well-known/oauth-authorization-server"

    struct Settings: ModuleSettings {
        let allowsImplicit: Bool
        let allowsRegistration: Bool
        let maximumApps: Int
        let refreshTime: Duration

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            allowsImplicit = section.boolean(
                "implicit", default: false,
                "Whether apps may get tokens in the address that the browser is sent back to, RFC 6749 section 4.2, as apps of "
                    + "the Messenger service did. Such tokens end up in histories and logs.")
            allowsRegistration = section.boolean(
                "self-registration", default: false,
                "Whether apps may register themselves, RFC 7591. If not, `swallowtail app add` does it.")
            maximumApps = section.integer(
                "self-registered-apps", default: 1000, in: 1...100_000, "How many apps may have registered themselves.")
            refreshTime = section.duration(
                "refresh-time", default: .seconds(90 * 86_400), in: .seconds(3600)...(.seconds(3650 * 86_400)),
                "How long an app that may stay signed in can go unused before it has to ask again.")
        }
    }

    let host: Host
    let settings: Settings
    let issuer: TokenIssuer
    let codes = AuthorizationCodes()
    let devices = DeviceCodes()
    /// Limits wrong user codes of devices.
    let wrongCodes = AttemptLimit<JID>(limit: 20, within: .seconds(600))
    /// Limits apps' requests that create something, by address.
    let requests = AttemptLimit<CIDRBlock>(limit: 600, within: .seconds(60))
    let registrations = AppRegistrations()
    let refreshDays: Int64

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        issuer = TokenIssuer(host: host, refreshTime: settings.refreshTime)
        refreshDays = max(1, settings.refreshTime.components.seconds / 86_400)
    }

    func register(_ registrar: inout Registrar) {
        registrar.on(Hooks.accessRevoked, .deliver) { [codes, devices] event in
            guard let grant = event.grant else { return .go }
            codes.forget(app: grant.app, of: event.account.jid)
            devices.forget(app: grant.app, of: event.account.jid)
            return .go
        }
        registrar.on(Hooks.accountRemoved, .deliver) { [codes, devices] event in
            codes.forget(event.account.jid)
            devices.forget(event.account.jid)
            return .go
        }
        registrar.makesAccessTokens()
        guard settings.allowsRegistration else { return }
        registrar.job(every: .seconds(3600), removeUnusedApps)
    }

    func register(on site: inout WebSite.Builder) {
        let router = site.router
        router.get("/oauth/authorize", use: authorize)
        router.post("/oauth/authorize", use: decide)
        router.get("/device", use: showDevice)
        router.post("/device", use: decideDevice)
        // It is no OpenID Connect provider, and has no document of one.
        router.get(RouterPath(Self.metadataPath)) { _, context in metadata(context.site) }
        forApps("/oauth/token", router, token)
        forApps("/oauth/revoke", router, revoke)
        forApps("/oauth/introspect", router, introspect)
        forApps("/oauth/device", router, deviceAuthorization)
        if settings.allowsRegistration { forApps("/oauth/register", router, registerApp) }
    }

    func opened(_ site: WebSite) {
        host.authorizationServer = "\(site.address)\(Self.metadataPath)"
    }

    /// Adds an endpoint for apps, also for pages of other sites.
    private func forApps(
        _ path: String, _ router: Router<WebContext>,
        _ handler: @escaping @Sendable (Request, WebContext) async throws -> Response
    ) {
        router.post(RouterPath(path)) { request, context in
            if let client = counted(context), requests.take(client, at: host.uptime()) == nil {
                return OAuthError(.temporarilyUnavailable).response
            }
            do {
                return try await handler(request, context)
            } catch let error as OAuthError {
                return error.response
            } catch let error as StorageError {
                _ = host.report(error)
                return OAuthError(.serverError).response
            }
        }
        router.on(RouterPath(path), method: .options) { _, _ in
            Response(
                status: .noContent,
                headers: [
                    .accessControlAllowOrigin: "*", .accessControlAllowMethods: "POST",
                    .accessControlAllowHeaders: "Authorization, Content-Type",
                ])
        }
    }

    /// The address that a request is counted for; nil: it is not counted.
    func counted(_ context: WebContext) -> CIDRBlock? {
        context.client.flatMap { context.site.limits.trusts($0) ? nil : $0.client }
    }

    // MARK: Metadata, RFC 8414

    private struct Metadata: Encodable {
        let issuer: String
        let authorizationEndpoint: String
        let tokenEndpoint: String
        let revocationEndpoint: String
        let introspectionEndpoint: String
        let deviceAuthorizationEndpoint: String
        let registrationEndpoint: String?
        let scopesSupported: [String]
        let responseTypesSupported: [String]
        let responseModesSupported: [String]
        let grantTypesSupported: [String]
        let tokenEndpointAuthMethodsSupported: [String]
        let codeChallengeMethodsSupported = ["S256"]
        let authorizationResponseIssParameterSupported = true
    }

    static let deviceGrantType = "urn:ietf:params:oauth:grant-type:device_code"

    private func metadata(_ site: WebSite) -> Response {
        let issuer = "\(site.address)"
        return .json(
            Metadata(
                issuer: issuer, authorizationEndpoint: issuer + "/oauth/authorize",
                tokenEndpoint: issuer + "/oauth/token",
                revocationEndpoint: issuer + "/oauth/revoke", introspectionEndpoint: issuer + "/oauth/introspect",
                deviceAuthorizationEndpoint: issuer + "/oauth/device",
                registrationEndpoint: settings.allowsRegistration ? issuer + "/oauth/register" : nil,
                scopesSupported: App.knownScopes,
                responseTypesSupported: settings.allowsImplicit ? ["code", "token"] : ["code"],
                responseModesSupported: settings.allowsImplicit ? ["query", "fragment"] : ["query"],
                grantTypesSupported: ["authorization_code", "refresh_token", Self.deviceGrantType]
                    + (settings.allowsImplicit ? ["implicit"] : []),
                tokenEndpointAuthMethodsSupported: ["none", "client_secret_basic", "client_secret_post"]))
    }

    // MARK: Apps

    /// Authenticates the app, RFC 6749 §2.3: one with a secret must show it.
    func app(_ request: Request, _ form: Form, _ site: WebSite) async throws -> App {
        var id = form["client_id"]
        var secret = form["client_secret"]
        if let header = request.headers[.authorization] {
            let parts = header.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "basic",
                let text = Base64.decode(String(parts[1].trimmingBlanks())).flatMap({
                    String(validating: $0, as: UTF8.self)
                }),
                let colon = text.firstIndex(of: ":"), secret == nil,
                let user = Percent.decode(String(text[..<colon])),
                let password = Percent.decode(String(text[text.index(after: colon)...])), id == nil || id == user
            else { throw OAuthError(.invalidClient) }
            id = user
            secret = password
        }
        guard let id, let app = try await site.app(id) else { throw OAuthError(.invalidClient) }
        if let expected = app.secret {
            guard constantTimeEquals(Authenticator.digest(ofToken: secret ?? ""), expected) else {
                throw OAuthError(.invalidClient)
            }
        }
        return app
    }

    /// The scopes of an app that asks for none.
    var defaultScopes: [String] {
        let needed = host.configuration.authentication.tokenScopes
        return needed.isEmpty ? ["xmpp"] : needed
    }
}
