import Hummingbird
import XMPP
import XMPPServer

/// The consent page, RFC 6749 §4.1.1 and §4.1.2.
extension OAuth {
    @Sendable func authorize(_ request: Request, _ context: WebContext) async throws -> Response {
        let asked: AuthorizationRequest
        switch try await read(request.query, context) {
        case .success(let request): asked = request
        case .failure(let failure): return await refuse(failure, Visitor(request, context), context)
        }
        guard let (visitor, record) = try await context.person(request) else {
            return SignInPages.detour(from: request)
        }
        if asked.type == .code, asked.isSafeToRepeat(context.site), try await hasAgreed(record.jid, to: asked, context)
        {
            return try await answer(asked, OpenedAccount(record), context)
        }
        return await consentPage(asked, on: context.site).response(for: visitor, context)
    }

    @Sendable func decide(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await request.form(context)
        let asked: AuthorizationRequest
        switch try await read(form, context) {
        case .success(let request): asked = request
        case .failure(let failure): return await refuse(failure, Visitor(request, context), context)
        }
        guard let (visitor, record) = try await context.person(request) else {
            return .seeOther("/sign-in?" + Form.encode([("next", "/oauth/authorize?" + Form.encode(asked.parameters))]))
        }
        try visitor.check(form["form-key"], context.site)
        guard form["decision"] == "allow" else {
            return back(to: asked.redirect, asked.type, OAuthError(.accessDenied), asked.state, context.site)
        }
        if context.site.isOwn(asked.app) {
            try await consents.put(Consent(scopes: asked.scopes), record.jid, key: asked.app.id)
        }
        return try await answer(asked, OpenedAccount(record), context)
    }

    private var consents: KeyedStore<Consent> { Consent.store(in: host.storage) }

    private func read(
        _ form: Form?, _ context: WebContext
    ) async throws -> Result<AuthorizationRequest, AuthorizationRequest.Failure> {
        guard let form else { return .failure(.untrusted("The app’s request cannot be read.")) }
        do {
            return .success(
                try await AuthorizationRequest(
                    form, context.site, allowsToken: settings.allowsImplicit, defaultScopes: defaultScopes))
        } catch let failure as AuthorizationRequest.Failure {
            return .failure(failure)
        }
    }

    private func refuse(
        _ failure: AuthorizationRequest.Failure, _ visitor: Visitor, _ context: WebContext
    ) async -> Response {
        switch failure {
        case .untrusted(let text):
            return await Page.notice("This app cannot sign you in", text, status: .badRequest)
                .response(for: visitor, context)
        case .refused(let error, let redirect, let state):
            return back(to: redirect, .code, error, state, context.site)
        }
    }

    /// Whether the person has consented to all this before, and has not revoked it.
    private func hasAgreed(
        _ account: JID, to asked: AuthorizationRequest, _ context: WebContext
    ) async throws(StorageError) -> Bool {
        if context.site.isOwn(asked.app), let consent = try await consents.get(account, key: asked.app.id),
            consent.scopes.isSuperset(of: asked.scopes)
        {
            return true
        }
        let now = host.now()
        return try await host.storage.grants(of: account).contains {
            $0.app == asked.app.id && $0.expiresAt > now && $0.scopes.isSuperset(of: asked.scopes)
        }
    }

    /// The redirect target, in words.
    private func destination(_ redirect: String, _ site: WebSite) -> String {
        if redirect.hasPrefix("\(site.address)/") { return "this site" }
        return RedirectAddress.isLoopback(redirect) ? "a program on this device" : RedirectAddress.source(redirect)
    }

    private func consentPage(_ asked: AuthorizationRequest, on site: WebSite) -> Page {
        let parameters = asked.parameters.compactMap { name, value in value.map { ["name": name, "value": $0] } }
        var page = Page(
            "consent", title: "Let this app in?",
            [
                "app": asked.app.name, "rights": AccessScope.texts(of: asked.scopes), "until": until(asked.scopes),
                "destination": destination(asked.redirect, site),
                "parameters": parameters,
            ])
        // The form's answer redirects there, which browsers check against the form's policy.
        page.policy = page.policy.allowing(RedirectAddress.source(asked.redirect), for: "form-action")
        return page
    }

    /// How long the access lasts, in words.
    func until(_ scopes: Set<String>) -> String {
        AccessScope.areLasting(scopes)
            ? "It stays signed in until you sign it out, or do not use it for \(refreshDays) days."
            : "It can sign in for an hour."
    }

    private func answer(
        _ asked: AuthorizationRequest, _ account: OpenedAccount, _ context: WebContext
    ) async throws -> Response {
        switch asked.type {
        case .code:
            guard let code = codes.make(asked, account, now: host.now()) else {
                return back(to: asked.redirect, .code, OAuthError(.temporarilyUnavailable), asked.state, context.site)
            }
            return back(to: asked.redirect, "?", [("code", code), ("state", asked.state)], context.site)
        case .token:
            let tokens = try await issuer.issue(
                to: asked.app, for: account, scopes: asked.scopes.subtracting(["wl.offline_access"]))
            return back(
                to: asked.redirect, "#",
                [
                    ("access_token", tokens.accessToken), ("token_type", tokens.tokenType),
                    ("expires_in", "\(tokens.expiresIn)"), ("scope", tokens.scope), ("state", asked.state),
                ], context.site)
        }
    }

    private func back(
        to redirect: String, _ type: AuthorizationRequest.ResponseType, _ error: OAuthError, _ state: String?,
        _ site: WebSite
    ) -> Response {
        let text = error.text.isEmpty ? nil : error.text
        return back(
            to: redirect, type == .code ? "?" : "#",
            [("error", error.code.rawValue), ("error_description", text), ("state", state)], site)
    }

    /// RFC 9207: the answer names its issuer.
    private func back(
        to redirect: String, _ separator: String, _ parameters: [(name: String, value: String?)], _ site: WebSite
    ) -> Response {
        let separator = separator == "?" && redirect.contains("?") ? "&" : separator
        return .seeOther(redirect + separator + Form.encode(parameters + [("iss", "\(site.address)")]))
    }
}
