import NIOHTTP1
import TestKit
import Testing
import XMPP

@testable import Web
@testable import XMPPServer

/// Administrators' commands over HTTP.
@Suite struct CommandAPITests {
    private static let path = "/api/v1/commands/"

    private static func run(_ body: (TestSite) async throws -> Void) async throws {
        try await TestSite.run(modules: "command-api: on", body)
    }

    private func token(_ name: String, _ scopes: [String], _ site: TestSite) async throws -> String {
        let account = AccountName(name, host: TestSite.domain)
        return try await Administration(site.server).mint(NewToken(account: account, scopes: scopes)).token
    }

    private func administrator(_ site: TestSite) async throws -> String {
        let mary = AccountName(site.mary.string)
        _ = try await Administration(site.server).change(mary, AccountChanges(isAdministrator: true))
        return try await token("mary", ["admin"], site)
    }

    private func ask(
        _ site: TestSite, _ command: String, _ body: String?, token: String?, type: String = "application/json",
        method: HTTPMethod = .POST
    ) async throws -> TestBrowser.Answer {
        var headers: HTTPHeaders = ["content-type": type]
        if let token { headers.add(name: "authorization", value: "Bearer \(token)") }
        return try await TestBrowser(site).send(method, Self.path + command, headers: headers, body: body)
    }

    @Test func anAdministratorManagesAccounts() async throws {
        try await Self.run { site in
            let token = try await administrator(site)
            let added = try await ask(
                site, "account-add",
                #"{"name": "ann", "account-id": "ann@contoso.example", "password": "tern", "keep-history": false}"#,
                token: token)
            #expect(added.status == 200 && added.headers.first(name: "content-type") == "application/json")
            #expect(added.headers.first(name: "cache-control") == "no-store")
            #expect(added.json["jid"] as? String == "ann@\(TestSite.domain)")
            #expect(added.json["keepsHistory"] as? Bool == false)
            let again = try await ask(site, "account-add", #"{"name": "ann"}"#, token: token)
            #expect(again.status == 409 && again.json["error"] as? String == "conflict")
            let removed = try await ask(site, "account-remove", #"{"accounts": ["ann"]}"#, token: token)
            #expect(removed.json["done"] as? String == "ann@\(TestSite.domain) is removed")
            let gone = try await ask(site, "account-show", #"{"account": "ann"}"#, token: token)
            #expect(gone.status == 404 && gone.json["parameter"] as? String == "account")
        }
    }

    @Test func whatIsWrongIsNamed() async throws {
        try await Self.run { site in
            let token = try await administrator(site)
            for (command, body, parameter) in [
                ("account-show", "{}", "account"),
                ("account-show", #"{"account": 7}"#, "account"),
                ("account-set", #"{"account": "mary", "admin": "perhaps"}"#, "admin"),
                ("account-set", #"{"account": "mary", "amdin": true}"#, "amdin"),
                ("account-set", #"{"account": "mary", "photo": "%"}"#, "photo"),
                ("shutdown", #"{"delay": -1}"#, "delay"),
                ("token-mint", #"{"account": "mary", "expires": "soon"}"#, "expires"),
            ] {
                let answer = try await ask(site, command, body, token: token)
                #expect(answer.status == 400, "\(command) \(body): \(answer.text)")
                #expect(answer.json["parameter"] as? String == parameter, "\(command) \(body): \(answer.text)")
            }
            for body in ["", "[]", "7", "{", #"{"account": 1.5}"#, String(repeating: "[", count: 100_000)] {
                #expect(try await ask(site, "account-show", body, token: token).status == 400)
            }
            #expect(try await ask(site, "account-dance", "{}", token: token).status == 404)
            // People's own commands need a session.
            #expect(try await ask(site, "invite", "{}", token: token).status == 404)
            #expect(try await ask(site, "account-list", "x=y", token: token, type: "text/plain").status == 415)
            let large = #"{"account": ""# + String(repeating: "a", count: 200_000) + #""}"#
            #expect(try await ask(site, "account-show", large, token: token).status == 413)
            let other = try await ask(site, "account-list", nil, token: token, method: .GET)
            #expect(other.status == 405 && other.headers.first(name: "allow") == "POST")
        }
    }

    /// Whoever shows nothing good learns nothing: neither of commands nor of accounts.
    @Test func strangersLearnNothing() async throws {
        try await Self.run { site in
            let token = try await administrator(site)
            for command in ["account-show", "account-dance"] {
                for body in [#"{"account": "mary"}"#, #"{"account": "nobody"}"#, "{"] {
                    let answer = try await ask(site, command, body, token: nil)
                    #expect(answer.status == 401)
                    #expect(answer.headers.first(name: "www-authenticate") == "Bearer realm=\"\(TestSite.domain)\"")
                    let wrong = try await ask(site, command, body, token: "x" + token)
                    #expect(wrong.status == 401)
                    #expect(wrong.headers.first(name: "www-authenticate")?.contains("error=\"invalid_token\"") == true)
                }
            }
            // A cookie opens nothing.
            let browser = TestBrowser(site)
            try await browser.signIn()
            let answer = try await browser.send(
                .POST, Self.path + "account-list", headers: ["content-type": "application/json"], body: "{}")
            #expect(answer.status == 401)
        }
    }

    @Test func theScopeAndTheAccountAreAskedForEachTime() async throws {
        try await Self.run { site in
            let good = try await administrator(site)
            let chats = try await token("mary", ["xmpp", "wl.messenger"], site)
            let johns = try await token("john", ["admin"], site)
            for token in [chats, johns] {
                let refused = try await ask(site, "account-list", "{}", token: token)
                #expect(refused.status == 403)
                #expect(refused.headers.first(name: "www-authenticate")?.contains("insufficient_scope") == true)
            }
            #expect(try await ask(site, "account-list", "{}", token: good).status == 200)
            let mary = AccountName(site.mary.string)
            let administration = Administration(site.server)
            _ = try await administration.change(mary, AccountChanges(isAdministrator: false))
            #expect(try await ask(site, "account-list", "{}", token: good).status == 403)
            _ = try await administration.change(mary, AccountChanges(isAdministrator: true))
            #expect(try await ask(site, "account-list", "{}", token: good).status == 200)
            try await administration.setEnabled(false, administration.account(mary))
            #expect(try await ask(site, "account-list", "{}", token: good).status == 401)
            try await administration.setEnabled(true, administration.account(mary))
            site.clock.advance(by: .seconds(3601))
            #expect(try await ask(site, "account-list", "{}", token: good).status == 401)
        }
    }

    @Test func thereIsABoundOfRequests() async throws {
        try await TestSite.run(modules: "command-api: {requests-per-minute: 3}") { site in
            let token = try await administrator(site)
            var statuses: [Int] = []
            for _ in 0..<4 { statuses.append(try await ask(site, "account-list", "{}", token: token).status) }
            #expect(statuses == [200, 200, 200, 429])
            site.clock.advance(by: .seconds(61))
            #expect(try await ask(site, "account-list", "{}", token: token).status == 200)
        }
    }

    /// Each command is described, with what it takes.
    @Test func theDescriptionHasAllCommands() async throws {
        try await Self.run { site in
            let answer = try await TestBrowser(site).get("/api/v1/openapi.json")
            #expect(answer.status == 200)
            #expect(answer.json["openapi"] as? String == "3.1.1")
            let paths = try #require(answer.json["paths"] as? [String: [String: [String: Any]]])
            let commands = site.host.commands.filter { [.administrator, .serverAdministrator].contains($0.audience) }
            #expect(Set(paths.keys) == Set(commands.map { Self.path + $0.name }))
            for command in commands {
                let operation = try #require(paths[Self.path + command.name]?["post"])
                #expect(operation["summary"] as? String == command.summary)
                let body = (operation["requestBody"] as? [String: Any])?["content"] as? [String: [String: Any]]
                let schema = try #require(body?["application/json"]?["schema"] as? [String: Any])
                let properties = schema["properties"] as? [String: Any]
                #expect(Set(properties?.keys.map { $0 } ?? []) == Set(command.parameters.map(\.name)))
            }
        }
    }

    @Test func thereIsNoneUnlessItIsAskedFor() async throws {
        try await TestSite.run { site in
            let token = try await administrator(site)
            #expect(try await ask(site, "account-list", "{}", token: token).status == 404)
        }
    }

    /// Passwords and tokens are in no log.
    @Test func secretsAreNotLogged() async throws {
        try await Self.run { site in
            let token = try await administrator(site)
            _ = try await ask(
                site, "account-password", #"{"account": "john", "password": "correct horse battery"}"#, token: token)
            let log = site.log.text
            #expect(log.contains("account-password") && !log.contains("correct horse") && !log.contains(token))
        }
    }
}
