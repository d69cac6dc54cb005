import Testing
import XMPP
import XMPPServer
import XMPPStream

extension StorageConformance {
    static let credentials = [
        StorageConformance("Credentials come with their account and are replaced as a whole") { storage in
            let mary = try Samples.account("1@example.com")
            let both = [try Samples.credential(.sha1), try Samples.credential(.sha256, iterations: 4_096)]
            try await storage.commit([.addAccount(mary, credentials: both)])
            let stored = try await storage.credentials(mary.jid)
            #expect(stored.count == 2)
            #expect(both.allSatisfy(stored.contains))

            let new = [try Samples.credential(.sha256, iterations: 20_000)]
            try await storage.commit([.setCredentials(mary.jid, new)])
            #expect(try await storage.credentials(mary.jid) == new)

            try await storage.commit([.setCredentials(mary.jid, [])])
            #expect(try await storage.credentials(mary.jid).isEmpty)
        },
        StorageConformance("The keys of both forms of a password are kept") { storage in
            let mary = try Samples.account("1@example.com")
            let both = try #require(
                SCRAMCredential(
                    hash: .sha1, salt: [1, 2, 3], iterations: 4096, storedKey: Array(0..<20), serverKey: Array(20..<40),
                    otherKeys: SCRAMCredential.Keys(storedKey: Array(40..<60), serverKey: Array(60..<80))))
            let one = try Samples.credential(.sha256)
            try await storage.commit([.addAccount(mary, credentials: [both, one])])
            let found = try await storage.credentials(mary.jid)
            #expect(Set(found.map(\.hash)) == [.sha1, .sha256])
            for credential in found { #expect(credential == (credential.hash == .sha1 ? both : one)) }
        },
        StorageConformance("Credentials without an account are refused") { storage in
            let nobody = try Samples.jid("1@example.com")
            await expectFailure(.notFound, [.setCredentials(nobody, [try Samples.credential(.sha1)])], on: storage)
            await expectFailure(.notFound, [.setCredentials(nobody, [])], on: storage)
            #expect(try await storage.credentials(nobody).isEmpty)
        },
    ]

    static let tokens = [
        StorageConformance("A token is found by its digest, with all that was said of it") { storage in
            let mary = try Samples.account("1@example.com")
            let token = Token(
                digest: Array(0..<32),
                account: mary.jid,
                scopes: ["wl.messenger", "wl.offline_access"],
                createdAt: Samples.noon,
                expiresAt: Timestamp(milliseconds: Samples.noon.milliseconds + 1),
                label: "phone"
            )
            let plain = Token(digest: [], account: mary.jid, scopes: [], createdAt: Samples.noon)
            try await storage.commit([.addAccount(mary, credentials: []), .addToken(token), .addToken(plain)])

            #expect(try await storage.token(digest: token.digest) == token)
            #expect(try await storage.token(digest: []) == plain)
            #expect(try await storage.token(digest: [1]) == nil)
        },
        StorageConformance("A token needs an account and a digest of its own") { storage in
            let token = try Samples.token(1, of: "1@example.com")
            await expectFailure(.notFound, [.addToken(token)], on: storage)
            try await storage.commit([
                .addAccount(try Samples.account("1@example.com"), credentials: []), .addToken(token),
            ])
            await expectFailure(.alreadyExists, [.addToken(token)], on: storage)
        },
        StorageConformance("Tokens are listed oldest first, and removed one by one or all at once") { storage in
            let later = Timestamp(milliseconds: Samples.noon.milliseconds + 1)
            let tokens = [
                try Samples.token(3, of: "1@example.com", at: later),
                try Samples.token(2, of: "1@example.com"),
                try Samples.token(1, of: "2@example.com"),
            ]
            let accounts = try ["1@example.com", "2@example.com"].map { try Samples.account($0) }
            try await storage.commit(
                accounts.map { .addAccount($0, credentials: []) } + tokens.map { .addToken($0) }
            )
            #expect(try await storage.tokens(of: accounts[0].jid) == [tokens[1], tokens[0]])

            try await storage.commit([.removeToken(digest: tokens[1].digest)])
            #expect(try await storage.tokens(of: accounts[0].jid) == [tokens[0]])

            try await storage.commit([.removeTokens(accounts[0].jid), .removeToken(digest: [9])])
            #expect(try await storage.tokens(of: accounts[0].jid).isEmpty)
            #expect(try await storage.tokens(of: accounts[1].jid) == [tokens[2]])
        },
    ]
}
