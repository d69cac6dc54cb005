import Hummingbird
import XMPP
import XMPPServer
import XMPPStream

/// The visitor of a page: identified by a cookie, signed in or not.
struct Visitor: Sendable {
    /// The value of the cookie.
    let key: String
    /// Whether the browser does not have it yet.
    let isNew: Bool
    /// The session, if signed in.
    let session: BrowserSession?

    /// The visitor of a request.
    init(_ request: Request, _ context: WebContext) async {
        let site = context.site
        let name = Self.cookieName(site)
        guard let key = request.cookies[name]?.value, key.utf8.count == Self.keyLength else {
            self.init(key: SecureRandom.text(length: Self.keyLength), isNew: true, session: nil)
            return
        }
        var session = site.sessions.find(Self.name(of: key, site))
        if let found = session {
            // A new password, or the removal of the account, ends the session.
            do throws(StorageError) {
                let credentials = try await context.host.storage.credentials(found.account)
                if credentials.first(where: { $0.hash == .sha256 })?.storedKey != found.credential { session = nil }
            } catch {
                _ = context.host.report(error)
                session = nil
            }
        }
        self.init(key: key, isNew: false, session: session)
    }

    private init(key: String, isNew: Bool, session: BrowserSession?) {
        self.key = key
        self.isNew = isNew
        self.session = session
    }

    /// A visitor that has just signed in. The browser gets a new key, so that nobody can have planted it.
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

    /// Redirects the browser to a page that shows a text, so that reloading the page does not repeat a posted change.
    func response(showing text: String, on path: String, _ context: WebContext) -> Response {
        let now = context.host.now()
        let name = Self.name(of: key, context.site)
        context.site.notices.remove(name)
        // Without room for the text, the page still shows the change.
        _ = context.site.notices.add(
            text, name, of: session?.account, until: now.adding(Self.noticeTime), now: now)
        var response = Response.seeOther(path)
        remember(in: &response, context)
        return response
    }

    /// The text to show on the present page, once.
    func takeNotice(_ context: WebContext) -> String? {
        guard !isNew else { return nil }
        return context.site.notices.take(Self.name(of: key, context.site), now: context.host.now())
    }

    // MARK: Forms

    /// The key in each form, which only our pages know.
    func formKey(_ site: WebSite) -> String {
        Base64URL.encode(site.host.key.code(of: "form\0\(site.host.domain)\0\(key)"))
    }

    /// Throws unless one of our pages has sent the form.
    func check(_ formKey: String?, _ site: WebSite) throws {
        guard let formKey, !isNew, constantTimeEquals(Array(formKey.utf8), Array(self.formKey(site).utf8)) else {
            throw HTTPError(.forbidden)
        }
    }

    // MARK: Representation

    private static let keyLength = 32

    /// Milliseconds for which a notice waits for its page.
    private static let noticeTime: Int64 = 60_000

    /// The name under which data of a visitor are kept, from which the cookie cannot be derived.
    private static func name(of key: String, _ site: WebSite) -> String {
        Base64URL.encode(site.host.key.code(of: "browser\0\(site.host.domain)\0\(key)"))
    }

    /// With this prefix, browsers accept the cookie from this host only.
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
