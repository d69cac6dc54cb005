import Hummingbird
import XMPP
import XMPPServer

/// The pages to sign in and out.
enum SignInPages {
    static func register(on router: Router<WebContext>) {
        router.get("/sign-in") { request, context in
            let visitor = await Visitor(request, context)
            let next = safe(request.query?["next"])
            guard visitor.session == nil else { return Response.seeOther(next) }
            return await form(context, next: next).response(for: visitor, context)
        }
        router.post("/sign-in", use: signIn)
        router.post("/sign-out") { request, context in
            let visitor = await Visitor(request, context)
            try await visitor.check(request.form(context)["form-key"], context.site)
            await visitor.signOut(context)
            return Response.seeOther("/")
        }
    }

    /// Redirects to the sign-in page, and back afterwards.
    static func detour(from request: Request) -> Response {
        .seeOther("/sign-in?" + Form.encode([("next", request.uri.string)]))
    }

    private static func form(
        _ context: WebContext, next: String, name: String = "", problem: String? = nil
    ) async -> Page {
        var content: [String: any Sendable] = ["next": next, "name": name]
        if let problem { content["problem"] = problem }
        var page = Page("sign-in", title: "Sign in", content)
        if problem != nil { page.status = .forbidden }
        guard let (app, redirect) = await app(next, context) else { return page }
        page.content["app"] = app.name
        // With an earlier consent the person is redirected to the app at once, which browsers check against the form's
        // policy.
        page.policy = page.policy.allowing(RedirectAddress.source(redirect), for: "form-action")
        return page
    }

    /// The app that the person signs in for, if any, with its redirect address.
    private static func app(_ next: String, _ context: WebContext) async -> (app: App, redirect: String)? {
        guard next.hasPrefix("/oauth/authorize?"), let mark = next.firstIndex(of: "?"),
            let form = Form(next[next.index(after: mark)...]),
            let asked = try? await AuthorizationRequest(
                form, context.site, allowsToken: true, defaultScopes: App.knownScopes)
        else { return nil }
        return (asked.app, asked.redirect)
    }

    @Sendable private static func signIn(_ request: Request, _ context: WebContext) async throws -> Response {
        let visitor = await Visitor(request, context)
        let form = try await request.form(context)
        let next = safe(form["next"])
        let name = form["name"] ?? ""
        do {
            try visitor.check(form["form-key"], context.site)
        } catch {
            // The page may have been open since before a restart.
            let problem = "This page was out of date, or your browser takes no cookies. Please try again."
            return await Self.form(context, next: next, name: name, problem: problem).response(for: visitor, context)
        }
        let answer = await context.site.authenticator.signIn(
            name: name, password: form["password"] ?? "", host: context.host, from: context.client)
        switch answer {
        case .success(let (account, key)):
            let session = BrowserSession(account: account, credential: key, signedInAt: context.host.now())
            await visitor.signOut(context)
            var response = Response.seeOther(next)
            await Visitor.signedIn(session, context).remember(in: &response, context)
            return response
        case .failure(.notAuthorized):
            return await Self.form(
                context, next: next, name: name, problem: "That account and password do not go together."
            )
            .response(for: visitor, context)
        case .failure:
            let problem = "There were too many attempts. Please wait a minute, then try again."
            var page = await Self.form(context, next: next, name: name, problem: problem)
            page.status = .tooManyRequests
            return await page.response(for: visitor, context)
        }
    }

    /// A page of this site, whatever the address says: no open redirects.
    static func safe(_ next: String?) -> String {
        guard let next, next.utf8.count <= 4096, next.first == "/",
            next.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }), !next.hasPrefix("//")
        else { return "/" }
        return next
    }
}

extension WebContext {
    /// The visitor with their account, if signed in.
    func person(_ request: Request) async throws -> (visitor: Visitor, record: AccountRecord)? {
        let visitor = await Visitor(request, self)
        guard let session = visitor.session, case .success(let record?) = await host.find(session.account),
            record.account.isEnabled
        else { return nil }
        return (visitor, record)
    }
}
