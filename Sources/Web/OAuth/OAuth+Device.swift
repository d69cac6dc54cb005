import Hummingbird
import XMPP
import XMPPServer

/// Device authorization, RFC 8628.
extension OAuth {
    private struct DeviceAuthorization: Encodable {
        let deviceCode: String
        let userCode: String
        let verificationUri: String
        let verificationUriComplete: String
        let expiresIn = DeviceCodes.lifetime
        let interval = 5
    }

    /// §3.1: a device asks for a code.
    @Sendable func deviceAuthorization(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = try await readForm(request, context)
        let app = try await app(request, form, context.site)
        guard let scopes = AuthorizationRequest.scopes(form["scope"], app, defaultScopes) else {
            throw OAuthError(.invalidScope)
        }
        guard let (device, user) = devices.make(app, scopes, from: counted(context), now: host.now()) else {
            throw OAuthError(.temporarilyUnavailable)
        }
        let page = "\(context.site.address)/device"
        return .json(
            DeviceAuthorization(
                deviceCode: device, userCode: user, verificationUri: page,
                verificationUriComplete: page + "?" + Form.encode([("code", user)])))
    }

    /// §3.4: the device polls.
    func exchangeDevice(_ form: Form, _ app: App) async throws -> TokenIssuer.Tokens {
        guard let code = form["device_code"] else { throw OAuthError(.invalidRequest, "device_code is missing") }
        switch devices.ask(code, app, now: host.now()) {
        case .wait: throw OAuthError(.authorizationPending)
        case .slowDown: throw OAuthError(.slowDown)
        case .denied: throw OAuthError(.accessDenied)
        case .expired: throw OAuthError(.expiredToken)
        case .allowed(let request, let account):
            let tokens = try await issuer.issue(to: app, for: account, scopes: request.scopes)
            guard devices.exchanged(code) else {
                try await issuer.takeBack(tokens)
                throw OAuthError(.expiredToken)
            }
            return tokens
        }
    }

    // MARK: The page

    @Sendable func showDevice(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let (visitor, record) = try await context.person(request) else {
            return SignInPages.detour(from: request)
        }
        guard let code = request.query?["code"], !code.isEmpty else {
            return await devicePage().response(for: visitor, context)
        }
        guard let place = wrongCodes.take(record.jid, at: host.uptime()) else {
            return await tooManyCodes().response(for: visitor, context)
        }
        guard let device = devices.find(userCode: code, now: host.now()) else {
            return await devicePage(code, problem: "No device waits for this code. It may have expired.")
                .response(for: visitor, context)
        }
        wrongCodes.giveBack(place)
        let content: [String: any Sendable] = [
            "app": device.app.name, "rights": AccessScope.texts(of: device.scopes), "until": until(device.scopes),
            "code": DeviceCodes.shown(device.userCode),
        ]
        return await Page("device-consent", title: "Let this device in?", content).response(for: visitor, context)
    }

    @Sendable func decideDevice(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let (visitor, record) = try await context.person(request) else {
            return .seeOther("/sign-in?next=/device")
        }
        let form = try await request.form(context)
        try visitor.check(form["form-key"], context.site)
        guard let place = wrongCodes.take(record.jid, at: host.uptime()) else {
            return await tooManyCodes().response(for: visitor, context)
        }
        let isAllowed = form["decision"] == "allow"
        let isInTime = devices.decide(
            userCode: form["code"] ?? "", isAllowed ? .allowed(OpenedAccount(record)) : .denied, now: host.now())
        guard isInTime else {
            return await devicePage(problem: "The code has expired. Let the device show a new one.")
                .response(for: visitor, context)
        }
        wrongCodes.giveBack(place)
        return visitor.response(
            showing: isAllowed
                ? "Your device is signed in. You can go back to it, and close this page."
                : "Your device was not let in. You can close this page.",
            on: "/device", context)
    }

    private func tooManyCodes() -> Page {
        var page = devicePage(problem: "There were too many attempts. Please wait some minutes.")
        page.status = .tooManyRequests
        return page
    }

    private func devicePage(_ code: String = "", problem: String? = nil) -> Page {
        var content: [String: any Sendable] = ["code": code]
        if let problem { content["problem"] = problem }
        return Page("device", title: "Sign in a device", content)
    }
}
