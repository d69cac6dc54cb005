import Hummingbird
import NIOCore
import XMPP
import XMPPServer

/// A host's pages to sign in and manage accounts. They work without scripts.
struct WebPages: WebModule {
    static let info = ModuleInfo(
        "web-pages", implements: [],
        summary: "Pages on which people sign in, and look after their account and their contacts.")

    static let personalData = [
        PersonalData(ofHost: BrowserSessions.storeName, BrowserSession.self) { $0.account == $1 }
    ]

    init(host: Host, settings: NoSettings) {}

    func register(_ registrar: inout Registrar) {}

    func register(on site: inout WebSite.Builder) {
        site.addLink("Account", to: "/account")
        site.addLink("Contacts", to: "/contacts")
        site.router.get("/") { request, context in
            await Page("home", title: context.host.domain).response(for: Visitor(request, context), context)
        }
        site.router.get(RouterPath(StyleSheet.path)) { _, _ in StyleSheet.response }
        SignInPages.register(on: site.router)
        AccountPages.register(on: site.router)
        ContactPages.register(on: site.router)
    }
}
