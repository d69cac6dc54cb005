import Testing
import XMPP
import XMPPServer

extension StorageConformance {
    private static let later = Timestamp(milliseconds: Samples.noon.milliseconds + 1000)
    private static let muchLater = Timestamp(milliseconds: Samples.noon.milliseconds + 2000)

    private static func grant(
        _ id: String, of account: String = "1@example.com", app: String = "chat", refresh: Grant.Refresh? = nil
    ) throws -> Grant {
        Grant(
            id: id, account: try Samples.jid(account), app: app, scopes: ["wl.messenger", "wl.basic"],
            createdAt: Samples.noon, expiresAt: later, refresh: refresh)
    }

    private static func token(_ digest: UInt8, of grant: Grant) -> Token {
        Token(
            digest: [digest], account: grant.account, scopes: grant.scopes, createdAt: Samples.noon, expiresAt: later,
            grant: grant.id)
    }

    static let grants = [
        StorageConformance("A grant is found by its id, its account, its app and its family of refresh tokens") {
            storage in
            let mary = try Samples.account("1@example.com")
            let bob = try Samples.account("2@example.com")
            let first = try grant("a", refresh: Grant.Refresh(family: [1], current: [2]))
            let second = try grant("b", app: "other")
            let third = try grant("c", of: "2@example.com")
            let accounts = [mary, bob].map { StorageChange.addAccount($0, credentials: []) }
            try await storage.commit(accounts + [first, second, third].map { .addGrant($0) })

            #expect(try await storage.grant("a") == first)
            #expect(try await storage.grant("x") == nil)
            #expect(try await storage.grant(refreshFamily: [1]) == first)
            #expect(try await storage.grant(refreshFamily: [2]) == nil)
            #expect(try await storage.grants(of: mary.jid) == [first, second])
            #expect(try await storage.grants(host: "example.com", app: "chat") == [first, third])
            #expect(try await storage.grants(host: "other.example", app: "chat").isEmpty)
            await expectFailure(.alreadyExists, [.addGrant(first)], on: storage)
            await expectFailure(.notFound, [.addGrant(try grant("d", of: "3@example.com"))], on: storage)
        },
        StorageConformance("A refresh token is good for once") { storage in
            let first = try grant("a", refresh: Grant.Refresh(family: [1], current: [2]))
            try await storage.commit([
                .addAccount(try Samples.account("1@example.com"), credentials: []), .addGrant(first),
            ])
            let renewal = StorageChange.renewGrant("a", used: [2], next: [3], at: later, expiresAt: muchLater)
            try await storage.commit([renewal])
            let renewed = try #require(try await storage.grant("a"))
            #expect(renewed.refresh == Grant.Refresh(family: [1], current: [3]))
            #expect(renewed.lastUsedAt == later && renewed.expiresAt == muchLater)
            await expectFailure(.notFound, [renewal], on: storage)
        },
        StorageConformance("A grant takes its tokens along, and an account its grants") { storage in
            let mary = try Samples.account("1@example.com")
            let first = try grant("a")
            let second = try grant("b")
            try await storage.commit([
                .addAccount(mary, credentials: []), .addGrant(first), .addGrant(second),
                .addToken(token(1, of: first)), .addToken(token(2, of: second)),
            ])
            try await storage.commit([.removeGrant("a")])
            #expect(try await storage.token(digest: [1]) == nil)
            #expect(try await storage.token(digest: [2]) == token(2, of: second))
            try await storage.commit([.removeTokens(mary.jid)])
            #expect(try await storage.grants(of: mary.jid).isEmpty)
            #expect(try await storage.token(digest: [2]) == nil)
            await expectFailure(.notFound, [.addToken(token(3, of: first))], on: storage)

            try await storage.commit([.addGrant(first), .removeAccount(mary.jid)])
            #expect(try await storage.grant("a") == nil)
        },
        StorageConformance("The use of a token is noted on it and on its grant") { storage in
            let first = try grant("a")
            try await storage.commit([
                .addAccount(try Samples.account("1@example.com"), credentials: []), .addGrant(first),
                .addToken(token(1, of: first)),
            ])
            #expect(try await storage.token(digest: [1])?.lastUsedAt == nil)
            try await storage.commit([.noteUse(ofToken: [1], at: muchLater), .noteUse(ofToken: [9], at: muchLater)])
            #expect(try await storage.token(digest: [1])?.lastUsedAt == muchLater)
            #expect(try await storage.grant("a")?.lastUsedAt == muchLater)
        },
        StorageConformance("What has expired is removed, so much at a time") { storage in
            let mary = try Samples.account("1@example.com")
            let first = try grant("a")
            let lasting = Token(digest: [7], account: mary.jid, scopes: [], createdAt: Samples.noon)
            try await storage.commit(
                [.addAccount(mary, credentials: []), .addGrant(first), .addToken(lasting)]
                    + (1...3).map { .addToken(token($0, of: first)) })
            try await storage.commit([.removeExpired(at: Samples.noon, atMost: 10)])
            #expect(try await storage.tokens(of: mary.jid).count == 4)
            try await storage.commit([.removeExpired(at: later, atMost: 0)])
            #expect(try await storage.tokens(of: mary.jid).count == 4)
            try await storage.commit([.removeExpired(at: later, atMost: 2)])
            #expect(try await storage.tokens(of: mary.jid) == [lasting])
            #expect(try await storage.grants(of: mary.jid).isEmpty)
        },
    ]
}
