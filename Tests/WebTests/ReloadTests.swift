import NIOCore
import Testing
import XMPPModules

@testable import Web
@testable import XMPPServer

/// Sites of a server whose configuration is reloaded.
@Suite struct ReloadTests {
    private func reload(_ site: TestSite, modules: String, oauth: String = "") async throws {
        let text = """
            listeners: [{addresses: ["127.0.0.1"], port: 0}]
            http-listeners: [{addresses: ["127.0.0.1"], port: 0, tls: off}]
            hosts:
              \(TestSite.domain):
                profile: messenger
                authentication: {require-tls: off, scram-iterations: 4096}
                modules: {\(modules)}
            """
        let (root, report) = try ConfigFile.parse(text, file: "test.yaml")
        let configuration = ServerConfiguration(
            root, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all + WebModules.all)
        #expect(report.finish() == [])
        _ = try await site.server.reload { configuration }
    }

    @Test func pagesComeAndGoAndPeopleStaySignedIn() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            #expect(try await browser.get("/account").status == 200)
            #expect(try await browser.get("/chat/").status == 404)
            try await reload(site, modules: "web-pages: on, oauth: on, chat-page: on, websocket: on, host-meta: on")
            #expect(try await browser.get("/account").status == 200)
            #expect(try await browser.get("/chat/").status == 200)
            #expect(site.host.authorizationServer != nil)
            try await reload(site, modules: "web-pages: on")
            #expect(try await browser.get("/account").status == 200)
            #expect(try await browser.get("/oauth/authorize").status == 404)
            #expect(site.host.authorizationServer == nil)
        }
    }

    @Test func aSessionOfBOSHGoesOn() async throws {
        try await TestSite.run(modules: "bosh: on") { site in
            let browser = TestBrowser(site)
            func post(_ body: String) async throws -> String {
                try await browser.post("/http-bind", body: body, type: "text/xml").text
            }
            let created = try await post(
                "<body xmlns='http://jabber.org/protocol/httpbind' to='\(TestSite.domain)' rid='1' wait='1' hold='1' "
                    + "xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'/>")
            let session = try #require(created.firstMatch(of: /sid=["']([^"']*)["']/)?.1)
            try await reload(site, modules: "web-pages: on, oauth: {implicit: on}, bosh: on")
            let answer = try await post(
                "<body xmlns='http://jabber.org/protocol/httpbind' rid='2' sid='\(session)' type='terminate'/>")
            #expect(!answer.contains("item-not-found"))
        }
    }
}
