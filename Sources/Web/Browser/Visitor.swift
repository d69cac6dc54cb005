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
        var session = site.sessions.find(Self.name(of: key, site))
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
    static func signedIn(_ session: BrowserSession, _ context: WebContext) async -> Visitor {
        let visitor = Visitor(key: SecureRandom.text(length: keyLength), isNew: true, session: session)
        await context.site.sessions.add(session, name(of: visitor.key, context.site))
        return visitor
    }

    func signOut(_ context: WebContext) async { await context.site.sessions.remove(Self.name(of: key, context.site)) }

    /// Gives the browser its key.
    func remember(in response: inout Response, _ context: WebContext) {
        guard isNew else { return }
        response.setCookie(
            Cookie(
                name: Self.cookieName(context.site), value: key, path: "/", secure: context.site.address.usesTLS,
                httpOnly: true, sameSite: .lax))
    }

    // MARK: What came of something

    /// Sends the browser on to a page, which shows a text: a change that was posted is not made again when that page is
    /// loaded anew.
    func response(showing text: String, on path: String, _ context: WebContext) -> Response {
        let now = context.host.now()
        let name = Self.name(of: key, context.site)
        context.site.notices.remove(name)
        // Where there is no room, the page shows what has changed all the same.
        _ = context.site.notices.add(
            text, name, of: session?.account, until: now.adding(Self.noticeTime), now: now)
        var response = Response.seeOther(path)
        remember(in: &response, context)
        return response
    }

    /// The text that the page shows which is made now, once.
    func takeNotice(_ context: WebContext) -> String? {
        guard !isNew else { return nil }
        return context.site.notices.take(Self.name(of: key, context.site), now: context.host.now())
    }

    // MARK: Forms

    /// What each form carries, so that only a page of ours can have sent it.
    func formKey(_ site: WebSite) -> String {
        Base64URL.encode(site.host.key.code(of: "form\0\(site.host.domain)\0\(key)"))
    }

    /// Throws unless a page of ours has sent the form.
    func check(_ formKey: String?, _ site: WebSite) throws {
        guard let formKey, !isNew, constantTimeEquals(Array(formKey.utf8), Array(self.formKey(site).utf8)) else {
            throw HTTPError(.forbidden)
        }
    }

    // MARK: Representation

    private static let keyLength = 32

    /// Milliseconds for which a notice waits for its page.
    private static let noticeTime: Int64 = 60_000

    /// What a visitor is known by where something is kept for them: who has that has no cookie.
    private static func name(of key: String, _ site: WebSite) -> String {
        Base64URL.encode(site.host.key.code(of: "browser\0\(site.host.domain)\0\(key)"))
    }

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
