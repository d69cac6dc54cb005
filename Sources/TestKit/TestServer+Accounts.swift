import Synchronization
import XMPPServer

/// A person with a short name in tests.
public struct TestAccount: Sendable {
    /// The short name.
    public let alias: String
    /// The account that it is.
    public var account: Account
    /// The scopes of its access token; nil: none.
    public var scopes: Set<String>?
    /// The hashes of its password keys.
    public var hashes = SCRAMHash.allCases
    /// When its access token expires; `nil`: never.
    public var expiresAt: Timestamp?

    /// The password of all test accounts.
    public static let password = "tern and plover"

    /// A person with a token for any host.
    public init(_ alias: String, _ account: Account) {
        self.alias = alias
        self.account = account
        scopes = ["wl.messenger", "xmpp"]
    }

    /// The bare JID.
    public var jid: JID { account.jid }

    /// An access token like those of the Messenger service: base64 beginning with `Ew`.
    public var token: String {
        let text = Array("token of \(account.jid.string)".utf8)
        let padding = [UInt8](repeating: 0x20, count: (4 - text.count % 3) % 3)
        return Base64.encode([0x13, 0x0F, 0xBF, 0xFF, 0xEF, 0xBE] + text + padding)
    }
}

extension TestServer {
    /// Adds an account with a password and an access token to the storage.
    public func add(_ person: TestAccount) async throws {
        var changes: [StorageChange] = [
            .addAccount(
                person.account, credentials: Self.credentials.filter { person.hashes.contains($0.hash) })
        ]
        if let scopes = person.scopes {
            changes.append(
                .addToken(
                    Token(
                        digest: Authenticator.digest(ofToken: person.token), account: person.jid, scopes: scopes,
                        createdAt: clock.now, expiresAt: person.expiresAt)))
        }
        try await storage.commit(changes)
        if person.scopes != nil { server.hosts[of: person.jid]?.noteAccessToken() }
    }

    /// Puts a contact into a roster.
    public func put(_ item: RosterItem, inRosterOf owner: JID) async throws {
        try await storage.commit([.putRosterItem(owner: owner, item)])
    }

    /// Derived once, as that takes time.
    private static let credentials: [SCRAMCredential] = SCRAMHash.allCases.compactMap {
        SCRAMCredential.random(password: TestAccount.password, hash: $0, iterations: 4096)
    }
}
