import TestKit
import Testing
import XMPP
import XMPPServer

@testable import Web
@testable import XMPPServer

/// What people have agreed to, and what was given out for them, ends with their password and with their account, by
/// whatever way those end; the next owner of a name inherits nothing.
@Suite struct AccountEndTests {
    /// A way by which mary's password changes, or her account ends and another gets her name.
    enum Way: String, CaseIterable, Sendable {
        case passwordByAdministrator, passwordInBand, passwordOnPage
        case removalByAdministrator, removalInBand, removalOnPage

        var isRemoval: Bool { rawValue.hasPrefix("removal") }
        /// What she signs in with afterwards.
        var password: String { isRemoval ? "somebody else's" : "another password" }
    }

    private func go(_ way: Way, _ site: TestSite, _ browser: TestBrowser) async throws {
        let administration = Administration(site.server)
        let mary = AccountName(site.mary.string)
        switch way {
        case .passwordByAdministrator:
            try await administration.setPassword(way.password, of: mary)
        case .passwordInBand:
            _ = await site.host.setPassword(way.password, of: site.mary)
        case .passwordOnPage:
            let page = try await browser.get("/account")
            let answer = try await browser.post(
                "/account/password",
                page.fields(of: "/account/password") + [
                    ("current", TestSite.password), ("new", way.password), ("again", way.password),
                ])
            #expect(answer.status == 200 || answer.status == 303)
        case .removalByAdministrator:
            try await administration.remove(mary)
        case .removalInBand:
            _ = await site.host.remove(site.mary)
        case .removalOnPage:
            let page = try await browser.get("/account/delete")
            _ = try await browser.post(
                "/account/delete", page.fields(of: "/account/delete") + [("password", TestSite.password)])
        }
        guard way.isRemoval else { return }
        #expect(try await site.storage.account(site.mary) == nil)
        let account = NewAccount(
            host: TestSite.domain, id: "mary", accountID: "mary@contoso.example", displayName: "Another Mary",
            password: way.password)
        _ = try await administration.add(account)
    }

    private func askForDevice(_ site: TestSite) async throws -> (device: String, user: String) {
        let answer = try await TestBrowser(site).post("/oauth/device", [("client_id", "chat")])
        return (
            try #require(answer.json["device_code"] as? String), try #require(answer.json["user_code"] as? String)
        )
    }

    private func allow(_ code: String, _ browser: TestBrowser) async throws {
        let page = try await browser.get("/device?" + Form.encode([("code", code)]))
        let answer = try await browser.post("/device", page.fields(of: "/device") + [("decision", "allow")])
        #expect(answer.status == 303)
    }

    private func ask(_ device: String, _ site: TestSite) async throws -> TestBrowser.Answer {
        try await TestBrowser(site).post(
            "/oauth/token",
            [("grant_type", OAuth.deviceGrantType), ("client_id", "chat"), ("device_code", device)])
    }

    @Test(arguments: Way.allCases) func allEndsWithIt(_ way: Way) async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let code = try #require(try await browser.agree(to: TestBrowser.request()).parameters?["code"])
            let granted = try await browser.tokens()
            let (device, user) = try await askForDevice(site)
            try await allow(user, browser)
            let visitor = TestBrowser(site)
            try await visitor.signIn()

            try await go(way, site, browser)

            #expect(try await TestBrowser(site).exchange(code).json["error"] as? String == "invalid_grant")
            let answer = try await ask(device, site)
            #expect(answer.status == 400 && answer.json["access_token"] == nil)
            #expect(try await site.storage.grants(of: site.mary).isEmpty)
            #expect(try await site.storage.tokens(of: site.mary).isEmpty)
            #expect(try await visitor.get("/account").status == 303)
            #expect(try await TestStream.outcome(of: granted.access, on: site) == "not-authorized")
            // The new password is as good as any.
            let next = TestBrowser(site)
            try await next.signIn(password: way.password)
            #expect(try await next.get("/account").status == 200)
        }
    }

    @Test func aSecondCodeOfAnAppThatWasSignedOutIsVoid() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let code = try #require(try await browser.agree(to: TestBrowser.request()).parameters?["code"])
            let (device, user) = try await askForDevice(site)
            try await allow(user, browser)
            // Of another app, and another person: theirs are good.
            let desk = ["client_id": "desk", "redirect_uri": "http://127.0.0.1:4711/back"]
            let other = try #require(try await browser.agree(to: TestBrowser.request(desk)).parameters?["code"])
            let john = TestBrowser(site)
            try await john.signIn("john@contoso.example")
            let johns = try #require(try await john.agree(to: TestBrowser.request()).parameters?["code"])

            _ = try await browser.tokens()
            let grant = try #require(try await site.storage.grants(of: site.mary).first)
            try await site.host.revoke(grant)

            #expect(try await browser.exchange(code).json["error"] as? String == "invalid_grant")
            #expect(try await ask(device, site).json["access_token"] == nil)
            #expect(try await site.storage.grants(of: site.mary).isEmpty)
            #expect(try await browser.exchange(johns).status == 200)
            let exchanged = try await browser.exchange(
                other, ["client_id": "desk", "redirect_uri": "http://127.0.0.1:4711/back"])
            #expect(exchanged.status == 200)
        }
    }

    @Test func aChangeThatBeginsWhileTokensAreMadeMakesThemVoid() async throws {
        try await TestSite.run { site in
            let record = try #require(try await site.host.accounts.load(site.mary))
            let opened = OpenedAccount(record)
            #expect(site.host.isCurrent(opened))
            #expect(record.beginChangingSecrets())
            #expect(!site.host.isCurrent(opened))
            // What is opened while the change is under way is no better.
            let between = OpenedAccount(record)
            #expect(!site.host.isCurrent(between))
            record.endChangingSecrets(nil)
            #expect(!site.host.isCurrent(opened) && !site.host.isCurrent(between))
            #expect(site.host.isCurrent(OpenedAccount(record)))
        }
    }
}
