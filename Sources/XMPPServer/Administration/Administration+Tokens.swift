import XMPP
import XMPPStream

extension Administration {
    static let tokenCommands = [
        Command(
            "token-mint", "Makes a token, which is shown this once.", for: .administrator,
            .accountName("account", help),
            .texts(
                "scope",
                "What the token allows, of \(App.knownScopes.joined(separator: ", ")); may be repeated. Without it, what "
                    + "the account's host asks for."),
            .lifetime(
                "expires", default: NewToken.standardSeconds,
                "When the token becomes void, such as 30d or 12h, or never."),
            .optional(.text("label", "What the token is for, to be shown in lists."))
        ) { call, account, scopes, seconds, label in
            try await call.administration.mint(
                NewToken(account: account, scopes: scopes.isEmpty ? nil : scopes, seconds: seconds, label: label))
        },
        Command(
            "token-list", "Lists the tokens of an account, or of all accounts.", for: .administrator, isReading: true,
            .optional(.accountName("account", help))
        ) { call, account in try await call.administration.tokens(of: account) },
        Command(
            "token-revoke", "Makes a token void and ends the sessions that it has opened.", for: .administrator,
            .secret("token", "The token itself, or its id as `token list` shows it.")
        ) { call, token in Sentence(try await call.administration.revoke(token)) },
    ]

    /// The number of digits of a token's digest that form its id.
    static let tokenIDLength = 12

    /// Makes an access token.
    public func mint(_ wanted: NewToken) async throws -> MintedToken {
        let account = try await account(wanted.account)
        let createdAt = now()
        var scopes = wanted.scopes ?? configuration.host(account.jid.domain)?.authentication.tokenScopes ?? []
        if scopes.isEmpty { scopes = ["xmpp"] }
        let text = AccessToken.make()
        let token = Token(
            digest: Authenticator.digest(ofToken: text),
            account: account.jid,
            scopes: Set(scopes),
            createdAt: createdAt,
            expiresAt: try wanted.seconds.map { try Self.expiry(after: $0, from: createdAt) },
            label: wanted.label
        )
        try await storage.commit([.addToken(token)])
        server.hosts[of: account.jid]?.noteAccessToken()
        return MintedToken(token: text, info: info(token))
    }

    private static func expiry(after seconds: Int64, from start: Timestamp) throws -> Timestamp {
        let (milliseconds, tooLarge) = seconds.multipliedReportingOverflow(by: 1000)
        let (end, tooLate) = start.milliseconds.addingReportingOverflow(milliseconds)
        guard seconds > 0, !tooLarge, !tooLate else { throw AdministrationError("no token can last that long") }
        return Timestamp(milliseconds: end)
    }

    func tokens(of name: AccountName?) async throws -> [TokenInfo] {
        let accounts = if let name { [try await account(name)] } else { try await storage.accounts(host: domain) }
        var found: [TokenInfo] = []
        for account in accounts {
            found += try await infos(storage.tokens(of: account.jid))
            found += try await devices(of: account.jid).compactMap { info($0, of: account.jid) }
        }
        return found
    }

    private func devices(of account: JID) async throws -> [Device] {
        try await Device.store(in: storage).all(account).values.sorted { ($0.firstSeen, $0.id) < ($1.firstSeen, $1.id) }
    }

    /// A device's tokens as one entry (XEP-0484); nil: it has none.
    private func info(_ device: Device, of account: JID) -> TokenInfo? {
        guard let token = device.tokens.max(by: { $0.expiresAt < $1.expiresAt }) else { return nil }
        return TokenInfo(
            id: device.id,
            account: account.string,
            scopes: [],
            createdAt: token.createdAt.xep0082,
            expiresAt: token.expiresAt.xep0082,
            isExpired: token.expiresAt <= now(),
            label: device.name,
            app: device.software ?? "a client",
            lastUsedAt: device.methods.contains(.fast) ? device.lastSeen.xep0082 : nil
        )
    }

    /// The device that the list of tokens shows under this id.
    private func device(_ id: String) async throws -> (Device, of: JID)? {
        for account in try await storage.accounts(host: domain) {
            if let device = try await devices(of: account.jid).first(where: { $0.id == id }) {
                return (device, account.jid)
            }
        }
        return nil
    }

    private func allTokens() async throws -> [Token] {
        var tokens: [Token] = []
        for account in try await storage.accounts(host: domain) {
            tokens += try await storage.tokens(of: account.jid)
        }
        return tokens
    }

    func revoke(_ token: String) async throws -> String {
        if let (device, account) = try await device(token) {
            if let host = server.hosts[of: account] {
                try await host.revoke(device, of: account)
            } else {
                try await Device.store(in: storage).remove(account, key: device.id)
            }
            return "the tokens of the device \(device.id) of \(account) are revoked"
        }
        let token = try await self.token(token)
        if let host = server.hosts[of: token.account] {
            try await host.revoke(token)
        } else {
            try await storage.commit([.removeToken(digest: token.digest)])
        }
        return "the token \(id(of: token)) of \(token.account) is revoked"
    }

    /// The token with this text, or whose digest begins like this.
    private func token(_ text: String) async throws -> Token {
        if let token = try await storage.token(digest: Authenticator.digest(ofToken: text)),
            manages(token.account.domain)
        {
            return token
        }
        let id = text.lowercased()
        guard id.utf8.count >= Self.tokenIDLength, id.allSatisfy(\.isHexDigit) else {
            throw AdministrationError(
                "there is no such token; `token list` shows the ids of those that there are", .notFound)
        }
        let found = try await allTokens().filter { hexadecimal($0.digest).hasPrefix(id) }
        guard let token = found.first, found.count == 1 else {
            throw AdministrationError(
                found.isEmpty ? "there is no token \(id)" : "several tokens begin with \(id); give more of the token",
                found.isEmpty ? .notFound : .invalid)
        }
        return token
    }

    private func id(of token: Token) -> String {
        String(hexadecimal(token.digest).prefix(Self.tokenIDLength))
    }

    private func info(_ token: Token, app: String? = nil) -> TokenInfo {
        TokenInfo(
            id: id(of: token),
            account: token.account.string,
            scopes: token.scopes.sorted(),
            createdAt: token.createdAt.xep0082,
            expiresAt: token.expiresAt?.xep0082,
            isExpired: token.expiresAt.map { $0 <= now() } ?? false,
            label: token.label,
            app: app,
            lastUsedAt: token.lastUsedAt?.xep0082
        )
    }

    /// The tokens as they are listed, with the names of their apps.
    private func infos(_ tokens: [Token]) async throws -> [TokenInfo] {
        var names: [String: String] = [:]
        var infos: [TokenInfo] = []
        for token in tokens {
            if let id = token.grant, names[id] == nil, let grant = try await storage.grant(id),
                let host = JID(local: nil, domain: token.account.domain, resource: nil)
            {
                names[id] = try await App.store(in: storage).get(host, key: grant.app)?.name ?? grant.app
            }
            infos.append(info(token, app: token.grant.flatMap { names[$0] }))
        }
        return infos
    }
}
