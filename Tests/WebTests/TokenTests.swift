import NIOHTTP1
import TestKit
import Testing
import XMPP

@testable import Web
@testable import XMPPServer

/// What apps do with their tokens: RFC 6749 §6, RFC 7009, RFC 7662, RFC 8628, RFC 7591, RFC 8414.
@Suite struct TokenTests {
    private func renew(_ token: String, _ site: TestSite, app: String = "chat") async throws -> TestBrowser.Answer {
        try await TestBrowser(site).post(
            "/oauth/token", [("grant_type", "refresh_token"), ("client_id", app), ("refresh_token", token)])
    }

    @Test func aRefreshTokenIsGoodForOnceAndItsSecondUseEndsTheFamily() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let first = try await browser.tokens()
            let second = try await renew(first.refresh, site).json
            let access = try #require(second["access_token"] as? String)
            let refresh = try #require(second["refresh_token"] as? String)
            #expect(refresh != first.refresh && access != first.access)
            let sessions = [
                try await TestStream.signedIn(first.access, on: site), try await TestStream.signedIn(access, on: site),
            ]
            // Another app's showing it changes nothing.
            #expect(try await renew(refresh, site, app: "desk").json["error"] as? String == "invalid_grant")
            #expect(try await sessions[0].isAlive())
            #expect(try await renew(first.refresh, site).json["error"] as? String == "invalid_grant")
            for session in sessions { #expect(try await session.isEnded()) }
            #expect(try await renew(refresh, site).json["error"] as? String == "invalid_grant")
            #expect(try await TestStream.outcome(of: access, on: site) == "not-authorized")
        }
    }

    @Test func twoWhoShowTheSameTokenAtOnceLoseItBoth() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let refresh = try await browser.tokens().refresh
            async let one = renew(refresh, site)
            async let other = renew(refresh, site)
            let statuses = try await [one.status, other.status]
            #expect(statuses.contains(400))
            #expect(try await site.storage.grants(of: site.mary).isEmpty)
        }
    }

    @Test func accessEndsWithTheTokenAndTheGrantWhenItIsNotUsed() async throws {
        try await TestSite.run(oauth: "refresh-time: 2h") { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let tokens = try await browser.tokens()
            site.clock.advance(by: .seconds(3601))
            #expect(try await TestStream.outcome(of: tokens.access, on: site) == "not-authorized")
            let next = try #require(try await renew(tokens.refresh, site).json["refresh_token"] as? String)
            site.clock.advance(by: .seconds(7201))
            #expect(try await renew(next, site).json["error"] as? String == "invalid_grant")
        }
    }

    @Test func aRevokedAccessTokenEndsItsSessionsAlone() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let first = try await browser.tokens()
            let second = try await renew(first.refresh, site).json
            let access = try #require(second["access_token"] as? String)
            let sessions = [
                try await TestStream.signedIn(first.access, on: site), try await TestStream.signedIn(access, on: site),
            ]
            // Nobody else can.
            _ = try await browser.post("/oauth/revoke", [("client_id", "desk"), ("token", first.access)])
            #expect(try await sessions[0].isAlive())
            let answer = try await browser.post("/oauth/revoke", [("client_id", "chat"), ("token", first.access)])
            #expect(answer.status == 200)
            #expect(try await sessions[0].isEnded())
            #expect(try await sessions[1].isAlive())
            let refresh = try #require(second["refresh_token"] as? String)
            _ = try await browser.post("/oauth/revoke", [("client_id", "chat"), ("token", refresh)])
            #expect(try await sessions[1].isEnded())
            #expect(try await browser.post("/oauth/revoke", [("client_id", "chat"), ("token", "?")]).status == 200)
        }
    }

    @Test func aServiceWithASecretLearnsWhatATokenIsWorth() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let token = try await browser.tokens().access
            let secret = site.serviceSecret
            func ask(_ token: String, _ credentials: [(name: String, value: String)]) async throws -> TestBrowser.Answer
            {
                try await browser.post("/oauth/introspect", [("token", token)] + credentials)
            }
            let reply = try await ask(token, [("client_id", "service"), ("client_secret", secret)]).json
            #expect(reply["active"] as? Bool == true && reply["client_id"] as? String == "chat")
            #expect(reply["username"] as? String == "mary@messenger.localhost")
            #expect(reply["scope"] as? String == "wl.messenger wl.offline_access")
            let unknown = try await ask("x", [("client_id", "service"), ("client_secret", secret)]).json
            #expect(unknown["active"] as? Bool == false && unknown.count == 1)
            for credentials in [[], [("client_id", "chat")], [("client_id", "service"), ("client_secret", "x")]] {
                #expect(try await ask(token, credentials).status == 401)
            }
            let basic = Base64.encode(Array("service:\(secret)".utf8))
            let header = try await browser.post(
                "/oauth/introspect", [("token", token)], headers: ["authorization": "Basic \(basic)"])
            #expect(header.json["active"] as? Bool == true)
        }
    }

    @Test func whoSignedInJustBeforeTheEndGetsNoSession() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let stream = try await TestStream.authenticated(try await browser.tokens().access, on: site)
            for grant in try await site.storage.grants(of: site.mary) { try await site.host.revoke(grant) }
            try await stream.send("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
            #expect(try await stream.next("iq")["type"] == "error")
            #expect(site.host.accounts.cached(site.mary)?.sessions.isEmpty != false)
        }
    }

    // MARK: Devices

    private static let deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

    private func ask(_ device: String, _ site: TestSite, app: String = "chat") async throws -> TestBrowser.Answer {
        try await TestBrowser(site).post(
            "/oauth/token", [("grant_type", Self.deviceGrant), ("client_id", app), ("device_code", device)])
    }

    @Test func aDeviceGetsATokenWhenSomebodyTypesItsCode() async throws {
        try await TestSite.run { site in
            let start = try await TestBrowser(site).post(
                "/oauth/device", [("client_id", "chat"), ("scope", "wl.messenger")])
            let device = try #require(start.json["device_code"] as? String)
            let code = try #require(start.json["user_code"] as? String)
            #expect(start.json["verification_uri"] as? String == site.address + "/device")
            #expect(try await ask(device, site).json["error"] as? String == "authorization_pending")
            #expect(try await ask(device, site).json["error"] as? String == "slow_down")
            #expect(try await ask(device, site, app: "desk").json["error"] as? String == "expired_token")

            let browser = TestBrowser(site)
            #expect(
                try await browser.get("/device?code=\(code)").location?.hasPrefix("/sign-in?next=%2Fdevice") == true)
            try await browser.signIn()
            let page = try await browser.get("/device?code=\(code.lowercased().replacing("-", with: "%20"))")
            #expect(page.text.contains(code) && page.text.contains("Chatter"))
            let forged = try await browser.post("/device", [("code", code), ("decision", "allow")])
            #expect(forged.status == 403)
            _ = try await browser.post("/device", page.fields(of: "/device") + [("decision", "allow")])
            site.clock.advance(by: .seconds(30))
            let token = try #require(try await ask(device, site).json["access_token"] as? String)
            #expect(try await TestStream.outcome(of: token, on: site) == "success")
            #expect(try await ask(device, site).json["error"] as? String == "expired_token")
        }
    }

    @Test func aDeviceThatIsRefusedOrForgottenGetsNothing() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let start = try await browser.post("/oauth/device", [("client_id", "chat")]).json
            let code = try #require(start["user_code"] as? String)
            let page = try await browser.get("/device?code=\(code)")
            _ = try await browser.post("/device", page.fields(of: "/device") + [("decision", "deny")])
            let device = try #require(start["device_code"] as? String)
            #expect(try await ask(device, site).json["error"] as? String == "access_denied")
            let late = try await browser.post("/oauth/device", [("client_id", "chat")]).json
            site.clock.advance(by: .seconds(601))
            #expect(
                try await ask(try #require(late["device_code"] as? String), site).json["error"] as? String
                    == "expired_token")
        }
    }

    @Test func codesOfDevicesCannotBeGuessedForLong() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            for _ in 0..<20 {
                #expect(try await browser.get("/device?code=BBBBBBBB").message?.contains("No device") == true)
            }
            let code = try #require(
                try await browser.post("/oauth/device", [("client_id", "chat")]).json["user_code"] as? String)
            #expect(try await browser.get("/device?code=\(code)").message?.contains("too many") == true)
        }
    }

    @Test func aWrongCodeCountsWhereverItIsSent() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let code = try #require(
                try await browser.post("/oauth/device", [("client_id", "chat")]).json["user_code"] as? String)
            let key = try await browser.get("/account").fields(of: "/sign-out")
            let looked = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        let guess = key + [("code", "BBBBBBBB"), ("decision", "allow")]
                        return try await browser.post("/device", guess).status != 429
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(looked == 20)
            #expect(try await browser.get("/device?code=\(code)").message?.contains("too many") == true)
            let late = try await browser.post("/device", key + [("code", code), ("decision", "allow")])
            #expect(late.status == 429 && late.message?.contains("too many") == true)
            site.clock.advance(by: .seconds(599))
            #expect(try await browser.get("/device?code=\(code)").status == 429)
            site.clock.advance(by: .seconds(1))
            let next = try #require(
                try await browser.post("/oauth/device", [("client_id", "chat")]).json["user_code"] as? String)
            #expect(try await browser.get("/device?code=\(next)").status == 200)
        }
    }

    @Test func nobodyTakesThePlacesOfAllCodes() async throws {
        try await TestSite.run(top: "limits: {connections: 0}", http: "proxies: [\"127.0.0.1\"]") { site in
            let mary = TestBrowser(site)
            try await mary.signIn()
            var refused: String?
            var count = 0
            while refused == nil, count < 200 {
                refused = try await mary.agree(to: TestBrowser.request()).parameters?["error"]
                count += 1
            }
            #expect(refused == "temporarily_unavailable" && count == 51)
            let john = TestBrowser(site)
            try await john.signIn("john@contoso.example")
            #expect(try await john.agree(to: TestBrowser.request()).parameters?["code"] != nil)
            var codes = 0
            func ask(_ address: String) async throws -> Bool {
                let reply = try await mary.post(
                    "/oauth/device", [("client_id", "chat")], headers: ["X-Forwarded-For": address])
                return reply.json["user_code"] != nil
            }
            while try await ask("192.0.2.1"), codes < 500 { codes += 1 }
            #expect(codes == 100)
            #expect(try await ask("192.0.2.2"))
        }
    }

    // MARK: Apps

    @Test func appsThatRegisterAtOnceAreNoMoreThanMayBe() async throws {
        try await TestSite.run(oauth: "self-registration: on, self-registered-apps: 3") { site in
            let body = #"{"client_name": "New", "redirect_uris": ["https://new.example/back"]}"#
            let made = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        try await TestBrowser(site).post("/oauth/register", body: body, type: "application/json").status
                            == 201
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(made <= 3)
            let kept = try await App.store(in: site.storage).all(site.host.jid).values
            #expect(kept.count(where: \.isSelfRegistered) == made)
        }
    }

    @Test func theMetadataLeadEverywhere() async throws {
        try await TestSite.run { site in
            let reply = try await TestBrowser(site).get("/.well-known/oauth-authorization-server")
            #expect(reply.json["issuer"] as? String == site.address)
            #expect(reply.json["token_endpoint"] as? String == site.address + "/oauth/token")
            #expect(reply.json["code_challenge_methods_supported"] as? [String] == ["S256"])
            #expect(reply.json["registration_endpoint"] == nil)
            #expect(reply.headers.first(name: "access-control-allow-origin") == "*")
            #expect(site.host.authorizationServer == site.address + "/.well-known/oauth-authorization-server")
        }
    }

    @Test func appsRegisterThemselvesOnlyWhereTheyMay() async throws {
        let body = #"{"client_name": "New", "redirect_uris": ["https://new.example/back"]}"#
        try await TestSite.run { site in
            let answer = try await TestBrowser(site).post("/oauth/register", body: body, type: "application/json")
            #expect(answer.status == 404)
        }
        try await TestSite.run(oauth: "self-registration: on, self-registered-apps: 1") { site in
            let browser = TestBrowser(site)
            for wrong in [
                "{}", #"{"client_name": "New", "redirect_uris": ["http://new.example/back"]}"#,
                #"{"client_name": "New", "redirect_uris": ["javascript:alert(1)"]}"#,
                #"{"client_name": "New", "token_endpoint_auth_method": "client_secret_basic"}"#,
            ] {
                #expect(try await browser.post("/oauth/register", body: wrong, type: "application/json").status == 400)
            }
            let reply = try await browser.post("/oauth/register", body: body, type: "application/json")
            #expect(reply.status == 201)
            let id = try #require(reply.json["client_id"] as? String)
            try await browser.signIn()
            let request = TestBrowser.request(["client_id": id, "redirect_uri": "https://new.example/back"])
            #expect(try await browser.agree(to: request).parameters?["code"] != nil)
            // Who registers an app could send people anywhere by a request that is refused.
            let wrong = TestBrowser.request([
                "client_id": id, "redirect_uri": "https://new.example/back", "scope": "mail",
            ])
            let refused = try await browser.get(wrong)
            #expect(refused.status == 400 && refused.location == nil)
            #expect(try await browser.post("/oauth/register", body: body, type: "application/json").status == 429)
            site.clock.advance(by: .seconds(86_401))
            for job in site.host.loaded.jobs { await job.run() }
            #expect(try await browser.get(request).status == 400)
        }
    }

    @Test func anAppThatIsRemovedIsSignedOut() async throws {
        try await TestSite.run { site in
            let browser = TestBrowser(site)
            try await browser.signIn()
            let session = try await TestStream.signedIn(try await browser.tokens().access, on: site)
            _ = try await Administration(site.server).removeApp("chat", host: TestSite.domain)
            #expect(try await session.isEnded())
            #expect(try await browser.get(TestBrowser.request()).status == 400)
        }
    }
}
