import Hummingbird
import XMPP
import XMPPServer

/// The token, revocation and introspection endpoints: RFC 6749 §4.1.3 and §6, RFC 7009, RFC 7662.
extension OAuth {
    @Sendable func token(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await readForm(request, context)
        let app = try await app(request, form, context.site)
        switch form["grant_type"] {
        case "authorization_code": return .json(try await exchange(form, app))
        case "refresh_token":
            guard let token = form["refresh_token"] else {
                throw OAuthError(.invalidRequest, "refresh_token is missing")
            }
            let scopes = form["scope"].map { Set($0.split(separator: " ").map(String.init)) }
            return .json(try await issuer.renew(token, for: app, scopes: scopes))
        case Self.deviceGrantType: return .json(try await exchangeDevice(form, app))
        case nil: throw OAuthError(.invalidRequest, "grant_type is missing")
        default: throw OAuthError(.unsupportedGrantType)
        }
    }

    /// The parameters of an app's request.
    func readForm(_ request: Request, _ context: WebContext) async throws -> Form {
        let form: Form
        do {
            form = try await request.form(context)
        } catch {
            throw OAuthError(.invalidRequest, "the body is no form")
        }
        guard !form.hasRepeatedNames else { throw OAuthError(.invalidRequest, "a parameter stands there twice") }
        return form.withoutEmptyValues
    }

    private func exchange(_ form: Form, _ app: App) async throws -> TokenIssuer.Tokens {
        guard let code = form["code"] else { throw OAuthError(.invalidRequest, "code is missing") }
        let now = host.now()
        switch codes.take(code, now: now) {
        case .nothing:
            throw OAuthError(.invalidGrant)
        case .used(let id):
            // The code was stolen, before or after the app used it.
            if let id, let grant = try await host.storage.grant(id) { try await host.revoke(grant) }
            throw OAuthError(.invalidGrant)
        case .granted(let asked, let account):
            guard asked.app.id == app.id, form["redirect_uri"] == (asked.namesRedirect ? asked.redirect : nil),
                asked.isAnswered(by: form["code_verifier"])
            else { throw OAuthError(.invalidGrant) }
            let tokens = try await issuer.issue(to: app, for: account, scopes: asked.scopes)
            guard codes.exchanged(code, for: tokens.grant, now: now) else {
                try await issuer.takeBack(tokens)
                throw OAuthError(.invalidGrant)
            }
            return tokens
        }
    }

    // MARK: Revocation, RFC 7009

    /// An access token is revoked alone; a refresh token with its whole grant.
    @Sendable func revoke(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await readForm(request, context)
        let app = try await app(request, form, context.site)
        guard let text = form["token"] else { throw OAuthError(.invalidRequest, "token is missing") }
        if let grant = try await issuer.grant(ofRefreshToken: text), grant.app == app.id {
            try await host.revoke(grant)
        } else if let (token, grant) = try await find(text), grant?.app == app.id {
            try await host.revoke(token)
        }
        return Response(status: .ok, headers: [.accessControlAllowOrigin: "*"])
    }

    /// An access token of this host, with its grant.
    private func find(_ text: String) async throws(StorageError) -> (token: Token, grant: Grant?)? {
        guard let token = try await host.storage.token(digest: Authenticator.digest(ofToken: text)),
            token.account.domain == host.domain
        else { return nil }
        guard let id = token.grant else { return (token, nil) }
        return (token, try await host.storage.grant(id))
    }

    // MARK: Introspection, RFC 7662

    private struct Introspection: Encodable {
        var active = false
        var scope: String?
        var clientId: String?
        var username: String?
        var sub: String?
        var tokenType: String?
        var exp: Int64?
        var iat: Int64?
        var iss: String?
    }

    /// For apps with a secret: information about a token shown to them.
    @Sendable func introspect(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await readForm(request, context)
        guard try await app(request, form, context.site).secret != nil else { throw OAuthError(.invalidClient) }
        guard let text = form["token"] else { throw OAuthError(.invalidRequest, "token is missing") }
        guard let (token, grant) = try await find(text), token.expiresAt.map({ $0 > host.now() }) ?? true else {
            return .json(Introspection())
        }
        return .json(
            Introspection(
                active: true, scope: token.scopes.sorted().joined(separator: " "), clientId: grant?.app,
                username: token.account.string, sub: token.account.local, tokenType: "bearer",
                exp: token.expiresAt.map { $0.milliseconds / 1000 }, iat: token.createdAt.milliseconds / 1000,
                iss: "\(context.site.address)"))
    }
}
