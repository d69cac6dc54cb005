import NIOHTTP1
import TestKit
import Testing
import XMPP
import XMPPServer

@testable import Web

/// RFC 6749 §4.1 with RFC 7636: what happens between an app, a person and the server, and what attackers try there.
@Suite struct AuthorizationTests {
    @Test func aPersonWhoAgreesGivesTheAppATokenThatSignsIn() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            let start = try await browser.get(TestBrowser.request())
            #expect(start.status == 303 && start.location?.hasPrefix("/sign-in?next=") == true)
            let page = try await browser.get(start.location ?? "")
            #expect(page.text.contains("<strong>Chatter</strong> wants you to sign in"))
            let signedIn = try await browser.post(
                "/sign-in",
                page.fields(of: "/sign-in") + [("name", "mary@contoso.example"), ("password", TestSite.password)])
            #expect(signedIn.location == TestBrowser.request())
            let consent = try await browser.get(signedIn.location ?? "")
            #expect(consent.text.contains("<strong>Chatter</strong> wants to use your account <strong>Mary</strong>"))
            #expect(consent.headers.first(name: "content-security-policy")?.contains("https://app.example") == true)
            let answer = try await browser.post(
                "/oauth/authorize", consent.fields(of: "/oauth/authorize") + [("decision", "allow")])
            #expect(answer.location?.hasPrefix(TestSite.redirect + "?code=") == true)
            #expect(answer.parameters?["state"] == "a b&c" && answer.parameters?["iss"] == site.address)
            let reply = try await browser.exchange(try #require(answer.parameters?["code"]))
            #expect(reply.status == 200 && reply.headers.first(name: "cache-control") == "no-store")
            #expect(reply.json["expires_in"] as? Int == 3600 && reply.json["token_type"] as? String == "bearer")
            #expect(reply.json["scope"] as? String == "wl.messenger wl.offline_access")
            let token = try #require(reply.json["access_token"] as? String)
            #expect(Base64.decode(token).map(Base64.encode) == token && token.hasPrefix("Ew"))
            #expect(try await TestStream.outcome(of: token, on: site) == "success")
        }
    }

    @Test func aPersonWhoDoesNotAgreeGivesNothing() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let page = try await browser.get(TestBrowser.request())
            let answer = try await browser.post(
                "/oauth/authorize", page.fields(of: "/oauth/authorize") + [("decision", "deny")])
            #expect(answer.parameters?["error"] == "access_denied" && answer.parameters?["code"] == nil)
        }
    }

    @Test func whoHasAgreedIsNotAskedAgainUntilItIsTakenBack() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            _ = try await browser.tokens()
            #expect(try await browser.get(TestBrowser.request()).parameters?["code"] != nil)
            // More than before is asked for; and a program on the machine can pass as another.
            #expect(try await browser.get(TestBrowser.request(["scope": "wl.messenger wl.basic"])).status == 200)
            let desk = ["client_id": "desk", "redirect_uri": "http://127.0.0.1:4711/back"]
            _ = try await browser.agree(to: TestBrowser.request(desk))
            #expect(try await browser.get(TestBrowser.request(desk)).status == 200)
            for grant in try await site.storage.grants(of: site.mary) { try await site.host.revoke(grant) }
            #expect(try await browser.get(TestBrowser.request()).status == 200)
        }
    }

    @Test func aCodeThatIsShownTwiceEndsWhatItGave() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let code = try #require(try await browser.agree(to: TestBrowser.request()).parameters?["code"])
            let token = try #require(try await browser.exchange(code).json["access_token"] as? String)
            let session = try await TestStream.signedIn(token, on: site)
            let replay = try await browser.exchange(code)
            #expect(replay.status == 400 && replay.json["error"] as? String == "invalid_grant")
            #expect(try await session.isEnded())
            #expect(try await TestStream.outcome(of: token, on: site) == "not-authorized")
            #expect(try await site.storage.grants(of: site.mary).isEmpty)
        }
    }

    @Test func aCodeThatIsShownWhileItIsExchangedEndsWhatItGives() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let code = try #require(try await browser.agree(to: TestBrowser.request()).parameters?["code"])
            // The grant is on its way to the disk when somebody else shows the code.
            site.storage.holdCommits()
            async let first = browser.exchange(code)
            await site.storage.commitIsHeld()
            let second = try await browser.exchange(code)
            site.storage.releaseCommits()
            for answer in [try await first, second] {
                #expect(answer.status == 400 && answer.json["error"] as? String == "invalid_grant")
            }
            #expect(try await site.storage.grants(of: site.mary).isEmpty)
        }
    }

    @Test func whatHasNoValueIsLeftOut() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            // RFC 6749 §3.1.
            let path = TestBrowser.request(["redirect_uri": "", "scope": "", "state": "", "nonsense": ""])
            let answer = try await browser.agree(to: path)
            #expect(answer.location?.hasPrefix(TestSite.redirect + "?code=") == true)
            #expect(answer.parameters?["state"] == nil)
            let code = try #require(answer.parameters?["code"])
            // §3.2.
            let tokens = try await browser.exchange(code, ["redirect_uri": "", "client_secret": "", "scope": ""])
            #expect(tokens.status == 200, "\(tokens.text)")
            var refresh = try await browser.tokens().refresh
            for scope in ["", nil] as [String?] {
                let renewed = try await TestBrowser(site).post(
                    "/oauth/token",
                    [("grant_type", "refresh_token"), ("client_id", "chat"), ("refresh_token", refresh)]
                        + (scope.map { [("scope", $0)] } ?? []))
                #expect(renewed.json["scope"] as? String == "wl.messenger wl.offline_access", "\(renewed.text)")
                refresh = renewed.json["refresh_token"] as? String ?? ""
            }
            // A scope that names none is no scope, and takes nothing away.
            let none = try await TestBrowser(site).post(
                "/oauth/token",
                [("grant_type", "refresh_token"), ("client_id", "chat"), ("refresh_token", refresh), ("scope", " ")])
            #expect(none.json["error"] as? String == "invalid_scope")
            for missing in ["grant_type", "client_id", "refresh_token"] {
                let fields = [("grant_type", "refresh_token"), ("client_id", "chat"), ("refresh_token", refresh)]
                let answer = try await TestBrowser(site).post(
                    "/oauth/token", fields.map { ($0.0, $0.0 == missing ? "" : $0.1) })
                let expected = missing == "client_id" ? "invalid_client" : "invalid_request"
                #expect(answer.json["error"] as? String == expected, "\(missing)")
            }
            for path in ["/oauth/token", "/oauth/device", "/oauth/revoke"] {
                let twice = try await TestBrowser(site).post(
                    path, [("client_id", "chat"), ("scope", ""), ("scope", "xmpp")])
                #expect(twice.json["error"] as? String == "invalid_request", "\(path)")
            }
            let device = try await TestBrowser(site).post("/oauth/device", [("client_id", "chat"), ("scope", "")])
            #expect(device.status == 200)
        }
    }

    @Test func theSitesOwnAppIsAskedForOnceAlone() async throws {
        try await TestSite.run(modules: "websocket: on, host-meta: on, chat-page: on") { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let own: [String: String?] = ["client_id": "messenger", "redirect_uri": "\(site.address)/chat/"]
            #expect(try await browser.get(TestBrowser.request(own)).status == 200)
            _ = try await browser.agree(to: TestBrowser.request(own))
            // Signing it out takes back what it may do now, and not what it may do when it is used again.
            for grant in try await site.storage.grants(of: site.mary) { try await site.host.revoke(grant) }
            #expect(try await browser.get(TestBrowser.request(own)).parameters?["code"] != nil)
            let more = own.merging(["scope": "wl.messenger wl.offline_access wl.basic"]) { $1 }
            #expect(try await browser.get(TestBrowser.request(more)).status == 200)
            let john = TestBrowser(site)
            try await john.signIn("john@contoso.example")
            #expect(try await john.get(TestBrowser.request(own)).status == 200)
        }
    }

    @Test func thereIsNoDocumentOfWhatItIsNot() async throws {
        try await TestSite.run { site in
            #expect(try await TestBrowser(site).get("/.well-known/openid-configuration").status == 404)
            let metadata = try await TestBrowser(site).get("/.well-known/oauth-authorization-server")
            #expect(metadata.json["issuer"] as? String == site.address)
        }
    }

    @Test func aCodeIsGoodForAMinuteAndForTheAppThatAskedForIt() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let cases: [[String: String?]] = [
                ["client_id": "desk"], ["redirect_uri": "https://app.example/other"], ["redirect_uri": nil],
                ["code_verifier": nil], ["code_verifier": String(repeating: "w", count: 64)], ["code": "x"],
            ]
            for changes in cases {
                let code = try #require(try await browser.agree(to: TestBrowser.request()).parameters?["code"])
                #expect(
                    try await browser.exchange(code, changes).json["error"] as? String == "invalid_grant", "\(changes)")
                // It was good for one try, whoever made it.
                if changes["code"] == nil {
                    #expect(try await browser.exchange(code).json["error"] as? String == "invalid_grant")
                }
            }
            let code = try #require(try await browser.agree(to: TestBrowser.request()).parameters?["code"])
            site.clock.advance(by: .seconds(61))
            #expect(try await browser.exchange(code).json["error"] as? String == "invalid_grant")
            #expect(try await site.storage.grants(of: site.mary).isEmpty)
        }
    }

    @Test(arguments: [
        "https://app.example/back/", "https://app.example/back?x=1", "https://app.example.evil.example/back",
        "https://app.example@evil.example/back", "http://app.example/back", "//evil.example", "javascript:alert(1)",
        "https://APP.example/back", "https://app.example/back#x",
    ])
    func aPlaceThatTheAppIsNotRegisteredWithIsNeverGoneTo(_ redirect: String) async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let answer = try await browser.get(TestBrowser.request(["redirect_uri": redirect]))
            #expect(answer.status == 400 && answer.location == nil)
            // Nor after the form was tampered with.
            let page = try await browser.get(TestBrowser.request())
            let fields = page.fields(of: "/oauth/authorize").map {
                ($0.name, $0.name == "redirect_uri" ? redirect : $0.value)
            }
            let posted = try await browser.post("/oauth/authorize", fields + [("decision", "allow")])
            #expect(posted.status == 400 && posted.location == nil)
        }
    }

    @Test func anAppThatNobodyKnowsIsToldNothing() async throws {
        try await TestSite.run { site in
            let answer = try await TestBrowser(site).get(TestBrowser.request(["client_id": "stranger"]))
            #expect(answer.status == 400 && answer.location == nil)
            let twice = try await TestBrowser(site).get(TestBrowser.request() + "&client_id=chat")
            #expect(twice.status == 400 && twice.location == nil)
        }
    }

    @Test(
        arguments: [
            (["code_challenge": nil], "invalid_request"), (["code_challenge_method": "plain"], "invalid_request"),
            (["code_challenge_method": nil], "invalid_request"), (["code_challenge": "short"], "invalid_request"),
            (["response_type": "token"], "unsupported_response_type"),
            (["response_type": nil], "unsupported_response_type"),
            (["response_type": "code token"], "unsupported_response_type"), (["scope": "mail.read"], "invalid_scope"),
        ] as [([String: String?], String)])
    func aRequestThatCannotBeFulfilledIsAnsweredToTheApp(_ changes: [String: String?], _ error: String) async throws {
        try await TestSite.run { site in
            let answer = try await TestBrowser(site).get(TestBrowser.request(changes))
            #expect(answer.location?.hasPrefix(TestSite.redirect + "?error=\(error)") == true)
            #expect(answer.parameters?["state"] == "a b&c")
        }
    }

    @Test func aProgramMayListenOnAnyPortOfThisMachine() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let desk = ["client_id": "desk", "redirect_uri": "http://127.0.0.1:4711/back"]
            let answer = try await browser.agree(to: TestBrowser.request(desk))
            #expect(answer.location?.hasPrefix("http://127.0.0.1:4711/back?code=") == true)
            let other = try await browser.get(
                TestBrowser.request(["client_id": "desk", "redirect_uri": "http://127.0.0.1:4711/other"]))
            #expect(other.status == 400)
            let scheme = ["client_id": "desk", "redirect_uri": "com.example.desk:/back"]
            #expect(
                try await browser.agree(to: TestBrowser.request(scheme)).location?.hasPrefix("com.example.desk:/back?")
                    == true)
        }
    }

    @Test func theTokenItselfIsInTheFragmentWhereTheHostWantsIt() async throws {
        try await TestSite.run(oauth: "implicit: on") { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let request = TestBrowser.request([
                "response_type": "token", "code_challenge": nil, "code_challenge_method": nil,
            ])
            let answer = try await browser.agree(to: request)
            #expect(answer.location?.hasPrefix(TestSite.redirect + "#access_token=Ew") == true)
            #expect(answer.parameters?["refresh_token"] == nil && answer.parameters?["expires_in"] == "3600")
            let token = try #require(answer.parameters?["access_token"])
            #expect(try await TestStream.outcome(of: token, on: site) == "success")
        }
    }

    @Test func onlyOurOwnPageCanAgree() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let page = try await browser.get(TestBrowser.request())
            let fields = page.fields(of: "/oauth/authorize")
            let other = TestBrowser(site)
            try await other.signIn("john@contoso.example")
            let foreign = try await other.get("/account").fields(of: "/account/profile")
            for key in [nil, "", foreign.first?.value] {
                let forged = fields.filter { $0.name != "form-key" } + (key.map { [("form-key", $0)] } ?? [])
                let answer = try await browser.post("/oauth/authorize", forged + [("decision", "allow")])
                #expect(answer.status == 403 && answer.location == nil)
            }
            #expect(page.headers.first(name: "content-security-policy")?.contains("frame-ancestors 'none'") == true)
        }
    }

    @Test func scopesThatDoNotReachAreRefusedAtSignIn() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let token = try await browser.tokens(["scope": "wl.basic"])
            #expect(token.refresh.isEmpty)
            #expect(try await TestStream.outcome(of: token.access, on: site) == "not-authorized")
        }
    }

    @Test func nothingSecretIsLogged() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn(password: "hunter two")
            try await browser.signIn()
            let answer = try await browser.agree(to: TestBrowser.request())
            let code = try #require(answer.parameters?["code"])
            let json = try await browser.exchange(code).json
            let access = try #require(json["access_token"] as? String)
            let refresh = try #require(json["refresh_token"] as? String)
            _ = try await TestStream.signedIn(access, on: site)
            _ = try await browser.exchange(code)
            _ = try await TestStream.outcome(of: access, on: site)
            let log = site.log.text
            #expect(log.contains("sign-in refused") && log.contains("127.0.0.1"))
            for secret in [code, access, refresh, "hunter two", TestSite.password, browser.cookies["visitor"] ?? "?"] {
                #expect(!log.contains(secret))
            }
            #expect(!log.contains("contoso"))
        }
    }
}
