import Foundation
import Logging
import NIOCore
import XMPP
import XMPPServer
import XMPPStream

/// Access tokens of another identity provider sign people in: JSON Web Tokens that it has signed (OpenID Connect Discovery
/// 1.0, RFC 7517, RFC 7519), or tokens that it is asked about (RFC 7662).
struct IdentityProvider: ServerModule {
    static let info = ModuleInfo(
        "identity-provider", implements: [.rfc(7519, ""), .rfc(7517, ""), .rfc(7662, "§2")],
        summary: "Lets people sign in with access tokens of another identity provider.")

    /// What a claim identifies an account by.
    enum Meaning: String, CaseIterable {
        /// Its local part.
        case name
        /// Its account id.
        case accountID = "account-id"
    }

    struct Settings: ModuleSettings {
        /// The provider's introspection endpoint, with our secret.
        struct Introspection: Sendable, Equatable {
            let endpoint: String
            let client: String
            let secret: String
        }

        let issuer: String
        let audiences: [String]
        let scopes: [String]
        let claim: String
        let meaning: Meaning
        let createsAccounts: Bool
        /// nil: signatures are verified.
        let introspection: Introspection?

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            issuer = section.string(
                "issuer", default: "", "The provider, as its tokens name it, such as `https://id.example`.")
            audiences = section.strings(
                "audiences", default: [],
                "For whom tokens must be meant: one of these. Without any, tokens are refused.")
            scopes = section.strings("scopes", default: [], "The scopes that a token must have, all of them.")
            claim = section.string("claim", default: "sub", "The claim that says whose the token is.")
            meaning = section.choice(
                "claim-is", default: Meaning.name,
                "What the claim is: `name`, the first part of the account's address, or `account-id`.")
            createsAccounts = section.boolean(
                "create-accounts", default: false, "Whether the first sign-in of somebody makes an account for them.")
            let asking = section.section(
                "introspection", "Asks the provider about each token, instead of checking signatures.")
            introspection = Self.introspection(asking)
            for (key, address, section) in [
                ("issuer", issuer, section), ("endpoint", introspection?.endpoint ?? "", asking),
            ] where !address.isEmpty && !ProviderClient.isSafe(address) {
                section.fail(
                    key, "\"\(address)\" is not reached by https", fix: "write an address that begins with https://")
            }
            if !section.isEmpty, issuer.isEmpty {
                section.fail("issuer", "nobody is trusted", fix: "set it to the provider's address")
            }
            if !section.isEmpty, audiences.isEmpty {
                section.fail(
                    "audiences", "tokens that were meant for others would be refused, and so would all",
                    fix: "list what the provider calls this server")
            }
        }

        private static func introspection(_ section: ConfigSection) -> Introspection? {
            let endpoint = section.string(
                "endpoint", default: "", "The address that is asked; none: signatures are checked.")
            let id = section.string("client-id", default: "", "What the server calls itself there.")
            let file = section.string("client-secret-file", default: "", "The file with the server's secret there.")
            guard !endpoint.isEmpty else { return nil }
            let secret = try? String(contentsOfFile: file, encoding: .utf8)
            if secret == nil, !file.isEmpty || !id.isEmpty {
                section.fail("client-secret-file", "the file cannot be read", fix: "name a file with the secret")
            }
            let trimmed = (secret ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
            return Introspection(endpoint: endpoint, client: id, secret: trimmed)
        }
    }

    private let host: XMPPServer.Host
    private let settings: Settings
    private let source: any ClaimSource

    init(host: XMPPServer.Host, settings: Settings) {
        self.host = host
        self.settings = settings
        source =
            if let asked = settings.introspection {
                IntrospectedClaims(endpoint: asked.endpoint, client: asked.client, secret: asked.secret)
            } else {
                SignedClaims(keys: ProviderKeys(issuer: settings.issuer, now: host.now))
            }
    }

    func register(_ registrar: inout Registrar) {
        registrar.tokenVerifier(verify)
    }

    @Sendable private func verify(_ token: String) async -> TokenVerdict {
        let claims: TokenClaims
        do {
            guard let found = try await source.claims(of: token) else { return .refused }
            claims = found
        } catch {
            // The message may quote the token.
            host.logger.error("the identity provider failed", metadata: ["kind": "\(type(of: error))"])
            return .unavailable
        }
        guard isValid(claims), let name = claims[settings.claim], !name.isEmpty,
            settings.claim != "email" || claims.isTrue("email_verified")
        else { return .refused }
        do throws(StorageError) {
            return try await account(name, claims).map { .account($0) } ?? .refused
        } catch {
            _ = host.report(error)
            return .unavailable
        }
    }

    private func isValid(_ claims: TokenClaims) -> Bool {
        let now = host.now().milliseconds / 1000
        return claims.issuer == settings.issuer && !claims.audiences.isDisjoint(with: settings.audiences)
            && claims.expiresAt.map { $0 > now } ?? false && claims.notBefore.map { $0 <= now + 60 } ?? true
            && claims.scopes.isSuperset(of: settings.scopes)
    }

    /// The account that a claim identifies, made if necessary.
    private func account(_ name: String, _ claims: TokenClaims) async throws(StorageError) -> JID? {
        let jid: JID?
        switch settings.meaning {
        case .accountID:
            if let known = try await host.storage.account(host: host.domain, accountID: name) { return known.jid }
            guard Account.isValid(accountID: name) else { return nil }
            jid = JID(local: SecureRandom.bytes(8).map(Self.hexadecimal).joined(), domain: host.domain, resource: nil)
        case .name:
            jid = JID(local: name, domain: host.domain, resource: nil)
            if let jid, jid.hasLocal, let known = try await host.storage.account(jid) { return known.jid }
        }
        guard settings.createsAccounts, let jid, jid.hasLocal else { return nil }
        let account = Account(
            jid: jid, accountID: settings.meaning == .accountID ? name : nil, displayName: claims["name"] ?? "",
            createdAt: host.now())
        do throws(StorageError) {
            try await host.accounts.add(account, credentials: [])
            return jid
        } catch {
            // Another of the person's devices was faster.
            guard error.kind == .alreadyExists else { throw error }
            guard settings.meaning == .accountID else { return jid }
            return try await host.storage.account(host: host.domain, accountID: name)?.jid
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return text.count == 1 ? "0" + text : text
    }
}
