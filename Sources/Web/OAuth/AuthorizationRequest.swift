import Crypto
import XMPP
import XMPPServer
import XMPPStream

/// What an app asks a person for, RFC 6749 §4.1.1, checked against what the app is registered with.
struct AuthorizationRequest: Sendable {
    /// What the app is to get by way of the browser.
    enum ResponseType: String, Sendable {
        case code
        /// The token itself, RFC 6749 §4.2; for apps of old.
        case token
    }

    let app: App
    /// Where the person is sent back to.
    let redirect: String
    let type: ResponseType
    let scopes: Set<String>
    let state: String?
    /// RFC 7636: what the app has to prove that it knows when it shows the code; nil for `.token` alone.
    let challenge: String?
    /// Whether the app named the address itself, and has to again.
    let namesRedirect: Bool

    /// Why there is no request.
    enum Failure: Error {
        /// Nobody knows who asks, or where an answer would go: the person is told, and sent nowhere.
        case untrusted(String)
        /// The app is told.
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
            // Anybody can register an app with any address: nobody is sent there for a mistake that was made on purpose.
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

    /// The scopes that are meant, as far as there are such ones and the app may ask for them.
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

    /// Whether what the app shows with the code is what the challenge was made of, RFC 7636 §4.6.
    func isAnswered(by verifier: String?) -> Bool {
        guard let challenge, let verifier, Self.isChallenge(verifier) else { return false }
        let digest = Base64URL.encode(SHA256.hash(data: Array(verifier.utf8)))
        return constantTimeEquals(Array(digest.utf8), Array(challenge.utf8))
    }

    /// The parameters, for the form by which the person agrees.
    var parameters: [(name: String, value: String?)] {
        [
            ("response_type", type.rawValue), ("client_id", app.id), ("redirect_uri", namesRedirect ? redirect : nil),
            ("scope", scopes.sorted().joined(separator: " ")), ("state", state), ("code_challenge", challenge),
            ("code_challenge_method", challenge == nil ? nil : "S256"),
        ]
    }

    /// True if an answer can reach nobody but the app, so that a person who has agreed before need not be asked again. A
    /// program on the person's machine can pass as any other.
    func isSafeToRepeat(_ site: WebSite) -> Bool {
        if redirect.hasPrefix("https://") { return true }
        return redirect.hasPrefix("\(site.address)/")
    }
}
