import XMPP
import XMPPServer
import XMPPStream

/// Issues the tokens of apps: the first ones after consent, and further ones by refresh tokens.
struct TokenIssuer: Sendable {
    let host: Host
    /// How long a grant lasts without being renewed.
    let refreshTime: Duration

    /// The lifetime of an access token in seconds.
    static let accessTime: Int64 = 3600
    /// The maximum grants of an account; beyond it the one unused for longest is removed.
    static let grantsPerAccount = 100

    /// The token response, RFC 6749 §5.1.
    struct Tokens: Encodable, Sendable {
        let accessToken: String
        var tokenType = "bearer"
        var expiresIn = TokenIssuer.accessTime
        let scope: String
        let refreshToken: String?
        let grant: String

        private enum CodingKeys: CodingKey {
            case accessToken, tokenType, expiresIn, scope, refreshToken
        }
    }

    /// The first tokens of a new grant.
    ///
    /// - Parameter account: as at the owner's consent; with another password, or another owner, the consent is void.
    func issue(to app: App, for account: OpenedAccount, scopes: Set<String>) async throws -> Tokens {
        guard host.isCurrent(account) else { throw OAuthError(.invalidGrant) }
        let jid = account.record.jid
        let now = host.now()
        try await makeRoom(for: jid)
        let scopes = Self.complete(scopes)
        let lasts = AccessScope.areLasting(scopes)
        let refresh = lasts ? RefreshToken.first() : nil
        let expiresAt = now.adding(lasts ? Int64(refreshTime / .milliseconds(1)) : Self.accessTime * 1000)
        let grant = Grant(
            id: SecureRandom.text(length: 16), account: jid, app: app.id, scopes: scopes, createdAt: now,
            expiresAt: expiresAt, refresh: refresh.map { Grant.Refresh(family: $0.family, current: $0.digest) })
        let (text, token) = accessToken(of: grant, scopes, app, now)
        try await host.storage.commit([.addGrant(grant), .addToken(token)])
        let tokens = Tokens(
            accessToken: text, scope: Self.text(scopes), refreshToken: refresh?.text, grant: grant.id)
        // A change that began before this was stored may not have seen it.
        guard host.isCurrent(account) else {
            try await takeBack(tokens)
            throw OAuthError(.invalidGrant)
        }
        return tokens
    }

    /// Revokes tokens that were not delivered.
    func takeBack(_ tokens: Tokens) async throws(StorageError) {
        guard let grant = try await host.storage.grant(tokens.grant) else { return }
        try await host.revoke(grant)
    }

    /// New tokens for a refresh token, which is valid once. Using a former one means that it was stolen, so the whole
    /// grant is revoked.
    ///
    /// - Parameter scopes: those of the access token, if fewer than the grant's; nil: all.
    func renew(_ text: String, for app: App, scopes: Set<String>?) async throws -> Tokens {
        guard let used = RefreshToken(text), let grant = try await host.storage.grant(refreshFamily: used.family),
            grant.account.domain == host.domain, grant.app == app.id, let refresh = grant.refresh
        else { throw OAuthError(.invalidGrant) }
        let now = host.now()
        guard constantTimeEquals(refresh.current, used.digest) else {
            try await host.revoke(grant)
            throw OAuthError(.invalidGrant)
        }
        guard grant.expiresAt > now else { throw OAuthError(.invalidGrant) }
        let scopes = scopes ?? grant.scopes
        guard !scopes.isEmpty, scopes.isSubset(of: grant.scopes) else { throw OAuthError(.invalidScope) }
        let next = used.next()
        let (text, token) = accessToken(of: grant, scopes, app, now)
        do throws(StorageError) {
            try await host.storage.commit([
                .renewGrant(
                    grant.id, used: used.digest, next: next.digest, at: now,
                    expiresAt: now.adding(Int64(refreshTime / .milliseconds(1)))),
                .addToken(token),
            ])
        } catch {
            guard error.kind == .notFound else { throw error }
            // The same token was used at the same time.
            try await host.revoke(grant)
            throw OAuthError(.invalidGrant)
        }
        return Tokens(accessToken: text, scope: Self.text(scopes), refreshToken: next.text, grant: grant.id)
    }

    /// The grant of a refresh token, valid or former.
    func grant(ofRefreshToken text: String) async throws(StorageError) -> Grant? {
        guard let token = RefreshToken(text), let grant = try await host.storage.grant(refreshFamily: token.family),
            grant.account.domain == host.domain
        else { return nil }
        return grant
    }

    private func accessToken(
        of grant: Grant, _ scopes: Set<String>, _ app: App, _ now: Timestamp
    ) -> (text: String, token: Token) {
        let text = AccessToken.make()
        let token = Token(
            digest: Authenticator.digest(ofToken: text), account: grant.account, scopes: scopes, createdAt: now,
            expiresAt: now.adding(Self.accessTime * 1000), grant: grant.id)
        return (text, token)
    }

    private func makeRoom(for account: JID) async throws(StorageError) {
        let grants = try await host.storage.grants(of: account).sorted { $0.lastUsedAt < $1.lastUsedAt }
        // Including those made at the same time.
        for grant in grants.dropLast(Self.grantsPerAccount - 1) { try await host.revoke(grant) }
    }

    /// XEP-0493 has another name for the scope `xmpp`.
    private static func complete(_ scopes: Set<String>) -> Set<String> {
        scopes.contains("xmpp:client:normal") ? scopes.union(["xmpp"]) : scopes
    }

    private static func text(_ scopes: Set<String>) -> String {
        App.knownScopes.filter(scopes.contains).joined(separator: " ")
    }
}

/// A refresh token: the common beginning of its family, and its own part.
private struct RefreshToken {
    private static let familyLength = 22
    private static let ownLength = 43

    let text: String

    static func first() -> RefreshToken {
        RefreshToken(family: SecureRandom.text(length: familyLength))
    }

    /// - Returns: nil if the text cannot be one.
    init?(_ text: String) {
        guard text.utf8.count == Self.familyLength + Self.ownLength else { return nil }
        self.text = text
    }

    private init(family: String) {
        text = family + SecureRandom.text(length: Self.ownLength)
    }

    func next() -> RefreshToken {
        RefreshToken(family: String(decoding: text.utf8.prefix(Self.familyLength), as: UTF8.self))
    }

    var family: [UInt8] {
        Authenticator.digest(ofToken: String(decoding: text.utf8.prefix(Self.familyLength), as: UTF8.self))
    }

    var digest: [UInt8] { Authenticator.digest(ofToken: text) }
}

extension Timestamp {
    /// The time some milliseconds later, clamped to the maximum.
    func adding(_ milliseconds: Int64) -> Timestamp {
        let (sum, overflow) = self.milliseconds.addingReportingOverflow(milliseconds)
        return Timestamp(milliseconds: overflow ? .max : sum)
    }
}
