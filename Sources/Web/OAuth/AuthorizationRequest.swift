import Crypto
import XMPP
import XMPPServer
import XMPPStream

/// An app's authorization request, RFC 6749 §4.1.1, checked against its registration.
struct AuthorizationRequest: Sendable {
    /// What the app gets through the browser.
    enum ResponseType: String, Sendable {
        case code
        /// The token itself, RFC 6749 §4.2; for old apps.
        case token
    }

    let app: App
    /// The redirect address.
    let redirect: String
    let type: ResponseType
    let scopes: Set<String>
    let state: String?
    /// RFC 7636: the challenge that the app's verifier must match; nil for `.token` only.
    let challenge: String?
    /// Whether the app gave the address, and must give it again.
    let namesRedirect: Bool

    /// An invalid request.
    enum Failure: Error {
        /// The app or the redirect address is unknown: the person is told, and not redirected.
        case untrusted(String)
        /// The app is told by a redirect.
        case refused(OAuthError, redirect: String, state: String?)
    }

    /// Reads a request.
    init(_ parameters: Form, _ site: WebSite, allowsToken: Bool, defaultScopes: [String]) async throws {
        guard !parameters.hasRepeatedNames else { throw Failure.untrusted("The app’s request names something twice.") }
        let form = parameters.withoutEmptyValues
        guard let id = form["client_id"], let app = try await site.app(id) else {
            throw Failure.untrusted("No app is known by the name that this one gives.")
        }
        self.app = app
        let asked = form["redirect_uri"]
        namesRedirect = asked != nil
        guard let redirect = asked ?? (app.redirects.count == 1 ? app.redirects.first : nil),
            app.redirects.contains(where: { RedirectAddress.matches(redirect, $0) })
        else { throw Failure.untrusted("The app wants you to be sent to a place that it is not registered with.") }
        self.redirect = redirect
        let state = form["state"]
        self.state = state
        func refuse(_ code: OAuthError.Code, _ text: String) -> Failure {
            // Anybody can register an app with any address, so errors do not redirect there.
            app.isSelfRegistered
                ? .untrusted("The app has asked in a wrong way: \(text).")
                : .refused(OAuthError(code, text), redirect: redirect, state: state)
        }
        guard let type = form["response_type"].flatMap(ResponseType.init), type != .token || allowsToken else {
            throw refuse(.unsupportedResponseType, "response_type must be code")
        }
        self.type = type
        challenge = form["code_challenge"]
        if type == .code {
            guard form["code_challenge_method"] == "S256", let challenge, Self.isChallenge(challenge) else {
                throw refuse(.invalidRequest, "code_challenge is required, with the method S256")
            }
        }
        guard let scopes = Self.scopes(form["scope"], app, defaultScopes) else {
            throw refuse(.invalidScope, "none of the scopes can be granted")
        }
        self.scopes = scopes
    }

    /// The requested scopes that exist and that the app may ask for.
    static func scopes(_ text: String?, _ app: App, _ defaultScopes: [String]) -> Set<String>? {
        let asked = text.map { $0.split(whereSeparator: { $0 == " " || $0 == "," }).map(String.init) } ?? []
        let wanted = Set(asked.isEmpty ? defaultScopes : asked)
        let granted = wanted.intersection(App.knownScopes).intersection(app.scopes)
        return granted.isEmpty ? nil : granted
    }

    private static func isChallenge(_ text: String) -> Bool {
        (43...128).contains(text.utf8.count)
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._~".contains($0)) }
    }

    /// Whether the verifier matches the challenge, RFC 7636 §4.6.
    func isAnswered(by verifier: String?) -> Bool {
        guard let challenge, let verifier, Self.isChallenge(verifier) else { return false }
        let digest = Base64URL.encode(SHA256.hash(data: Array(verifier.utf8)))
        return constantTimeEquals(Array(digest.utf8), Array(challenge.utf8))
    }

    /// The parameters for the consent form.
    var parameters: [(name: String, value: String?)] {
        [
            ("response_type", type.rawValue), ("client_id", app.id), ("redirect_uri", namesRedirect ? redirect : nil),
            ("scope", scopes.sorted().joined(separator: " ")), ("state", state), ("code_challenge", challenge),
            ("code_challenge_method", challenge == nil ? nil : "S256"),
        ]
    }

    /// Whether only the app can receive the answer, so that a person who has agreed before need not be asked again.
    /// Programs on the person's machine cannot be told apart.
    func isSafeToRepeat(_ site: WebSite) -> Bool {
        if redirect.hasPrefix("https://") { return true }
        return redirect.hasPrefix("\(site.address)/")
    }
}
