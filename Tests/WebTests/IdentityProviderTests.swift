import Foundation
import Hummingbird
import JWTKit
import Logging
import Synchronization
import TestKit
import Testing
import XMPP
import XMPPServer

@testable import Web

/// Tokens of another provider, which is a little server of the test's own.
@Suite struct IdentityProviderTests {
    @Test func aTokenOfTheProviderSignsInWhomItNames() async throws {
        try await Provider.run { provider in
            try await TestSite.run(modules: provider.module("scopes: [chat]")) { site async throws in
                #expect(try await TestStream.outcome(of: provider.token(), on: site) == "success")
                let wrong: [[String: Claim?]] = [
                    ["iss": .text("https://other.example")], ["aud": .text("other")], ["aud": .texts(["a", "b"])],
                    ["exp": .number(1)], ["exp": nil], ["nbf": .number(4_000_000_000)], ["scope": .text("mail")],
                    ["sub": .text("nobody")], ["sub": .text("")], ["sub": nil],
                    ["sub": .text("mary@elsewhere.example")],
                ]
                for changes in wrong {
                    let token = try await provider.token(changes)
                    #expect(try await TestStream.outcome(of: token, on: site) == "not-authorized", "\(changes)")
                }
                let good: [[String: Claim?]] = [
                    ["aud": .texts(["other", "chat server"])], ["scope": nil, "scp": .texts(["chat", "mail"])],
                ]
                for changes in good {
                    #expect(
                        try await TestStream.outcome(of: provider.token(changes), on: site) == "success", "\(changes)")
                }
                #expect(try await site.storage.accounts(host: nil).count == 2)
            }
        }
    }

    @Test func onlyTheProvidersOwnKeysCount() async throws {
        try await Provider.run { provider in
            try await TestSite.run(modules: provider.module()) { site async throws in
                let forged = try await Provider.sign(provider.claims(), with: ES256PrivateKey(), id: "one")
                #expect(try await TestStream.outcome(of: forged, on: site) == "not-authorized")
                let parts = try await provider.token().split(separator: ".")
                let none = "eyJhbGciOiJub25lIn0"  // {"alg":"none"}
                for token in [
                    "\(none).\(parts[1]).", "\(none).\(parts[1]).\(parts[2])", "a.b.c", "..",
                    String(repeating: "x", count: 3000),
                ] {
                    #expect(try await TestStream.outcome(of: token, on: site) == "not-authorized")
                }
                // A key that everybody can read signs nothing, whatever the algorithm is called.
                let keys = JWTKeyCollection()
                await keys.add(hmac: HMACKey(from: provider.publicKey), digestAlgorithm: .sha256, kid: "one")
                let confused = try await keys.sign(provider.claims(), kid: "one")
                #expect(try await TestStream.outcome(of: confused, on: site) == "not-authorized")
            }
        }
    }

    @Test func aNewKeyIsFoundAndTheProviderIsNotAskedForEachToken() async throws {
        try await Provider.run { provider in
            try await TestSite.run(modules: provider.module()) { site async throws in
                for _ in 0..<3 { #expect(try await TestStream.outcome(of: provider.token(), on: site) == "success") }
                #expect(provider.asked == 1)
                let former = try await provider.token()
                provider.changeKey(to: "two")
                // Just now they have been read.
                #expect(try await TestStream.outcome(of: provider.token(), on: site) == "not-authorized")
                #expect(provider.asked == 1)
                site.clock.advance(by: .seconds(61))
                #expect(try await TestStream.outcome(of: provider.token(), on: site) == "success")
                #expect(try await TestStream.outcome(of: former, on: site) == "not-authorized")
                #expect(provider.asked == 2)
            }
        }
    }

    @Test func theFirstSignInMakesAnAccountWhereTheHostWantsIt() async throws {
        try await Provider.run { provider in
            let settings = "create-accounts: on, claim: email, claim-is: account-id"
            try await TestSite.run(modules: provider.module(settings)) { site async throws in
                let eve: [String: Claim?] = [
                    "email": .text("Eve@contoso.example"), "email_verified": .truth(true), "name": .text("Eve"),
                ]
                for _ in 0..<2 { #expect(try await TestStream.outcome(of: provider.token(eve), on: site) == "success") }
                let account = try await site.storage.account(host: TestSite.domain, accountID: "eve@contoso.example")
                #expect(account?.displayName == "Eve" && account?.jid.local?.count == 16)
                #expect(try await site.storage.accounts(host: nil).count == 3)
                let unverified = try await provider.token(eve.merging(["email_verified": .truth(false)]) { $1 })
                #expect(try await TestStream.outcome(of: unverified, on: site) == "not-authorized")
            }
        }
    }

    @Test func aProviderThatIsAskedAboutTokens() async throws {
        try await Provider.run { provider in
            let directory = try TemporaryDirectory()
            try "s3cret\n".write(toFile: directory.path + "/secret", atomically: true, encoding: .utf8)
            let introspection =
                "introspection: {endpoint: \"\(provider.address)/introspect\", client-id: chat, "
                + "client-secret-file: \"\(directory.path)/secret\"}"
            try await TestSite.run(modules: provider.module(introspection)) { site async throws in
                #expect(try await TestStream.outcome(of: "opaque", on: site) == "success")
                #expect(try await TestStream.outcome(of: "unknown", on: site) == "not-authorized")
                provider.isBroken = true
                #expect(try await TestStream.outcome(of: "opaque", on: site) == "temporary-auth-failure")
                #expect(!site.log.text.contains("opaque") && !site.log.text.contains("s3cret"))
            }
        }
    }
}

/// The value of a claim.
private enum Claim: Encodable, Sendable {
    case text(String)
    case number(Int)
    case truth(Bool)
    case texts([String])

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        case .truth(let truth): try container.encode(truth)
        case .texts(let texts): try container.encode(texts)
        }
    }
}

/// An identity provider on a free port.
private final class Provider: Sendable {
    private struct State {
        var port = 0
        var key = ES256PrivateKey()
        var id = "one"
        var asked = 0
        var isBroken = false
    }

    private let state = Mutex(State())

    var address: String { "http://127.0.0.1:\(state.withLock { $0.port })" }
    /// How often its keys were read.
    var asked: Int { state.withLock { $0.asked } }
    var publicKey: String { state.withLock { $0.key.publicKey.pemRepresentation } }
    var isBroken: Bool {
        get { state.withLock { $0.isBroken } }
        set { state.withLock { $0.isBroken = newValue } }
    }

    func changeKey(to id: String) {
        state.withLock { state in
            state.key = ES256PrivateKey()
            state.id = id
        }
    }

    /// The module's line in a host's configuration.
    func module(_ settings: String = "") -> String {
        "identity-provider: {issuer: \"\(address)\", audiences: [\"chat server\"]\(settings.isEmpty ? "" : ", \(settings)")}"
    }

    func claims(_ changes: [String: Claim?] = [:]) throws -> TokenClaims {
        var claims: [String: Claim] = [
            "iss": .text(address), "aud": .text("chat server"), "exp": .number(3_000_000_000), "sub": .text("mary"),
            "scope": .text("chat openid"),
        ]
        for (name, value) in changes { claims[name] = value }
        return try JSONDecoder().decode(TokenClaims.self, from: JSONEncoder().encode(claims))
    }

    func token(_ changes: [String: Claim?] = [:]) async throws -> String {
        let (key, id) = state.withLock { ($0.key, $0.id) }
        return try await Self.sign(claims(changes), with: key, id: id)
    }

    static func sign(_ claims: TokenClaims, with key: ES256PrivateKey, id: String) async throws -> String {
        let keys = JWTKeyCollection()
        await keys.add(ecdsa: key, kid: JWKIdentifier(string: id))
        return try await keys.sign(claims, kid: JWKIdentifier(string: id))
    }

    static func run(_ body: (Provider) async throws -> Void) async throws {
        let provider = Provider()
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: provider.router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in continuation.yield(channel.localAddress?.port ?? 0) },
            logger: Logger(label: "provider") { _ in SwiftLogNoOpLogHandler() })
        let task = Task { try await application.run() }
        defer { task.cancel() }
        let port = await ports.first { _ in true } ?? 0
        provider.state.withLock { $0.port = port }
        try await body(provider)
    }

    private var router: Router<BasicRequestContext> {
        let router = Router()
        router.get("/.well-known/openid-configuration") { [self] _, _ in
            #"{"issuer": "\#(address)", "jwks_uri": "\#(address)/keys"}"#
        }
        router.get("/keys") { [self] _, _ in
            let (key, id) = state.withLock { state in
                state.asked += 1
                return (state.key, state.id)
            }
            let point = key.publicKey.parameters
            let (x, y) = (Self.url(point?.x ?? ""), Self.url(point?.y ?? ""))
            return """
                {"keys": [{"kty": "oct", "kid": "shared", "k": "AAAA"},
                {"kty": "EC", "crv": "P-256", "kid": "\(id)", "use": "sig", "x": "\(x)", "y": "\(y)"}]}
                """
        }
        router.post("/introspect") { [self] request, _ in
            guard !isBroken, request.headers[.authorization] == "Basic Y2hhdDpzM2NyZXQ=" else {
                throw HTTPError(.unauthorized)
            }
            let body = String(buffer: try await request.body.collect(upTo: 10_000))
            guard body.hasPrefix("token=opaque&") else { return #"{"active": false}"# }
            return
                #"{"active": true, "iss": "\#(address)", "aud": "chat server", "exp": 3000000000, "sub": "mary"}"#
        }
        return router
    }

    private static func url(_ base64: String) -> String {
        base64.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
