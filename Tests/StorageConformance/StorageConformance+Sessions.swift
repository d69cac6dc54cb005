import Testing
import XMPP
import XMPPServer
import XMPPStream

extension StorageConformance {
    static let sessions = [
        StorageConformance("All that is in memory of an account is read at once") { storage in
            let mary = try Samples.account("mary@example.com", name: "Mary")
            let key = try Samples.credential(.sha256)
            let bob = RosterItem(jid: try Samples.jid("bob@example.com"), name: "Bob", isListed: true)
            try await storage.commit([
                .addAccount(mary, credentials: [key]),
                .putRosterItem(owner: mary.jid, bob),
                .setRosterVersion(owner: mary.jid, "v1"),
                .putValue(store: "vcard", owner: mary.jid, key: "", [0, 255]),
                .putValue(store: "vcard", owner: mary.jid, key: "a", []),
                .putValue(store: "private", owner: mary.jid, key: "a", [2]),
            ])
            let desk = try Samples.jid("mary@example.com/desk")
            let found = try #require(try await storage.storedAccount(desk, stores: ["vcard", "none"]))
            #expect(found.account == mary && found.credentials == [key])
            #expect(found.roster == StoredRoster(items: [bob], version: "v1"))
            #expect(found.values == ["vcard": ["": [0, 255], "a": []]])
            #expect(found.sessions.isEmpty)
            #expect(try await storage.storedAccount(bob.jid, stores: []) == nil)
        },
        StorageConformance("A session is kept with what its client has not acknowledged, in order") { storage in
            let mary = try Samples.account("mary@example.com")
            var phone = try session(1, of: "mary@example.com/phone")
            let desk = try session(2, of: "mary@example.com/desk", boundAt: 1)
            try await storage.commit([.addAccount(mary, credentials: []), .putSession(desk), .putSession(phone)])
            try await storage.commit([
                .appendUnacknowledged(session: 1, message(2)), .appendUnacknowledged(session: 1, message(9)),
                .appendUnacknowledged(session: 1, message(10)), .appendUnacknowledged(session: 7, message(1)),
                .setHandled(session: 1, .max),
            ])
            phone.flags = ["carbons"]
            phone.presence = Array("<presence/>".utf8)
            // The count that has been reported is never taken back.
            try await storage.commit([.putSession(phone), .removeUnacknowledged(session: 1, upTo: 2)])
            phone.handled = .max
            #expect(
                try await stored(mary.jid, storage) == [
                    .init(phone, messages: [message(9), message(10)], isRevoked: false),
                    .init(desk, messages: [], isRevoked: false),
                ])
            #expect(try await storage.accountsWithSessions(host: "example.com") == [mary.jid])
            #expect(try await storage.accountsWithSessions(host: "example.org").isEmpty)

            try await storage.commit([.removeSession(1), .removeSession(1)])
            #expect(try await stored(mary.jid, storage) == [.init(desk, messages: [], isRevoked: false)])
            try await storage.commit([.putSession(phone)])
            #expect(try await stored(mary.jid, storage).first?.messages == [])
        },
        StorageConformance("A session goes with its account, and is known to be revoked with its token") { storage in
            let mary = try Samples.account("mary@example.com")
            let token = try Samples.token(7, of: "mary@example.com")
            let verified = VerifiedToken(user: "mary", digest: token.digest, grant: nil)
            let phone = try session(1, of: "mary@example.com/phone", token: verified)
            try await storage.commit([.addAccount(mary, credentials: []), .addToken(token), .putSession(phone)])
            #expect(try await stored(mary.jid, storage) == [.init(phone, messages: [], isRevoked: false)])
            try await storage.commit([.removeTokens(mary.jid)])
            #expect(try await stored(mary.jid, storage) == [.init(phone, messages: [], isRevoked: true)])

            try await storage.commit([.removeAccount(mary.jid), .putSession(phone)])
            try await storage.commit([.addAccount(mary, credentials: [])])
            #expect(try await stored(mary.jid, storage).isEmpty)
        },
        StorageConformance("A session is revoked by what takes its token back, not by the token's time") { storage in
            let mary = try Samples.account("mary@example.com")
            let token = try Samples.token(7, of: "mary@example.com")
            let grant = Grant(
                id: "g", account: mary.jid, app: "app", scopes: ["xmpp"], createdAt: Samples.noon,
                expiresAt: Samples.noon)
            let granted = Token(
                digest: [8], account: mary.jid, scopes: ["xmpp"], createdAt: Samples.noon, expiresAt: Samples.noon,
                grant: "g")
            // The last two: of another identity provider, whose tokens are not stored, and with a password.
            let openedWith: [VerifiedToken?] = [
                VerifiedToken(user: "mary", digest: token.digest, grant: nil),
                VerifiedToken(user: "mary", digest: granted.digest, grant: "g"),
                VerifiedToken(user: "mary", digest: [9], grant: nil), nil,
            ]
            let sessions = try openedWith.enumerated().map { index, token in
                try session(
                    Int64(index), of: "mary@example.com/\(index)", boundAt: Int64(index), token: token,
                    rights: token == nil ? .owner : .program)
            }
            func revoked() async throws -> [Bool] { try await stored(mary.jid, storage).map(\.isRevoked) }
            try await storage.commit([
                .addAccount(mary, credentials: []), .addToken(token), .addGrant(grant), .addToken(granted),
            ])
            try await storage.commit(sessions.map { .putSession($0) })
            try await storage.commit([.removeExpired(at: Samples.noon, atMost: 10)])
            #expect(try await storage.token(digest: [8]) == nil)
            #expect(try await storage.grant("g") == nil)
            #expect(try await revoked() == [false, false, false, false])
            #expect(
                try await stored(mary.jid, storage).map(\.session.rights) == [.program, .program, .program, .owner])

            try await storage.commit([.removeToken(digest: token.digest)])
            #expect(try await revoked() == [true, false, false, false])
            try await storage.commit([.removeGrant("g")])
            #expect(try await revoked() == [true, true, false, false])
            try await storage.commit([.removeTokens(mary.jid)])
            #expect(try await revoked() == [true, true, true, true])
            // The one that has changed the password goes on.
            try await storage.commit([.putSession(sessions[3])])
            #expect(try await revoked() == [true, true, true, false])
        },
    ]

    private static func stored(_ jid: JID, _ storage: any Storage) async throws -> [StoredAccount.Session] {
        try #require(try await storage.storedAccount(jid, stores: [])).sessions
    }

    private static func session(
        _ id: Int64, of jid: String, boundAt: Int64 = 0, token: VerifiedToken? = nil, rights: SessionRights = .program
    ) throws -> StoredSession {
        StoredSession(
            id: id, jid: try Samples.jid(jid), secret: "secret\(id)",
            boundAt: Timestamp(milliseconds: Samples.noon.milliseconds + boundAt), time: .seconds(300), token: token,
            rights: rights, userAgent: nil, handled: 0, presence: nil, flags: [])
    }

    private static func message(_ position: Int64) -> UnacknowledgedMessage {
        UnacknowledgedMessage(
            position: position, isNumbered: position > 2, others: position > 9 ? ["desk", "phone"] : [],
            time: Samples.noon,
            stanza: Array("<message id='\(position)'/>".utf8))
    }
}
