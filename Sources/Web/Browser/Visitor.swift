import Crypto
import Hummingbird
import XMPP
import XMPPServer
import XMPPStream

/// Whoever looks at a page: known by a cookie, signed in or not.
struct Visitor: Sendable {
    /// What the cookie holds.
    let key: String
    /// Whether the browser has not got it yet.
    let isNew: Bool
    /// Who it is, as far as they have signed in.
    let session: BrowserSession?

    /// The visitor that a request comes from.
    init(_ request: Request, _ context: WebContext) async {
        let site = context.site
        let name = Self.cookieName(site)
        guard let key = request.cookies[name]?.value, key.utf8.count == Self.keyLength else {
            self.init(key: SecureRandom.text(length: Self.keyLength), isNew: true, session: nil)
            return
        }
        var session = site.sessions.find(Self.digest(key), now: context.host.now())
        if let found = session {
            // A new password ends what was opened with the former one, and so does the end of the account.
            let credential = try? await context.host.storage.credentials(found.account).first { $0.hash == .sha256 }
            if credential?.storedKey != found.credential { session = nil }
        }
        self.init(key: key, isNew: false, session: session)
    }

    private init(key: String, isNew: Bool, session: BrowserSession?) {
        self.key = key
        self.isNew = isNew
        self.session = session
    }

    /// Somebody who has just signed in. The browser gets another key, so that nobody can have given it the one that is
    /// good now.
    static func signedIn(_ session: BrowserSession, _ context: WebContext) -> Visitor {
        let visitor = Visitor(key: SecureRandom.text(length: keyLength), isNew: true, session: session)
        context.site.sessions.add(session, digest(visitor.key), now: context.host.now())
        return visitor
    }

    func signOut(_ context: WebContext) { context.site.sessions.remove(Self.digest(key)) }

    /// Gives the browser its key.
    func remember(in response: inout Response, _ context: WebContext) {
        guard isNew else { return }
        response.setCookie(
            Cookie(
                name: Self.cookieName(context.site), value: key, path: "/", secure: context.site.address.usesTLS,
                httpOnly: true, sameSite: .lax))
    }

    // MARK: Forms

    /// What each form carries, so that only a page of ours can have sent it.
    func formKey(_ site: WebSite) -> String {
        Base64URL.encode(HMAC<SHA256>.authenticationCode(for: Array(key.utf8), using: site.formSecret))
    }

    /// Throws unless a page of ours has sent the form.
    func check(_ formKey: String?, _ site: WebSite) throws {
        guard let formKey, !isNew, constantTimeEquals(Array(formKey.utf8), Array(self.formKey(site).utf8)) else {
            throw HTTPError(.forbidden)
        }
    }

    // MARK: Representation

    private static let keyLength = 32

    private static func digest(_ key: String) -> [UInt8] { Array(SHA256.hash(data: Array(key.utf8))) }

    /// The prefix makes browsers refuse the cookie from anybody but this very host.
    private static func cookieName(_ site: WebSite) -> String { site.address.usesTLS ? "__Host-visitor" : "visitor" }
}

/// Base64 for addresses, without padding (RFC 4648 §5).
enum Base64URL {
    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        String(
            Base64.encode(Array(bytes)).compactMap { character in
                switch character {
                case "+": "-"
                case "/": "_"
                case "=": nil
                default: character
                }
            })
    }
}
