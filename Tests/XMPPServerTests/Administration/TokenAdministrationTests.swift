import Testing
import XMPP

@testable import XMPPServer

@Suite struct TokenAdministrationTests {
    private static func store() async throws -> BareStore {
        let store = try await BareStore()
        _ = try await store.add(NewAccount(host: "im.example", id: "0003", accountID: "mary@contoso.example"))
        _ = try await store.add(NewAccount(name: "ann@chat.example"))
        return store
    }

    private static let mary = AccountName("mary@contoso.example")

    @Test func aTokenSurvivesClientsThatDecodeAndEncodeIt() async throws {
        let store = try await Self.store()
        var texts: Set<String> = []
        for _ in 0..<8 {
            let minted = try await store.administration.mint(NewToken(account: Self.mary))
            let bytes = try #require(Base64.decode(minted.token))
            #expect(Base64.encode(bytes) == minted.token)
            #expect(minted.token.hasPrefix("Ew") && minted.token.utf8.count % 4 == 0 && bytes.count >= 64)
            texts.insert(minted.token)
        }
        #expect(texts.count == 8)
    }

    @Test func theStoreKnowsTheDigestAlone() async throws {
        let store = try await Self.store()
        let minted = try await store.administration.mint(
            NewToken(account: Self.mary, scopes: ["a", "b"], seconds: 60, label: "phone"))
        let token = try #require(try await store.storage.token(digest: Authenticator.digest(ofToken: minted.token)))
        #expect(token.account.string == "0003@im.example")
        #expect(token.scopes == ["a", "b"])
        #expect(token.label == "phone")
        #expect(token.expiresAt?.milliseconds == BareStore.now.milliseconds + 60_000)
        #expect(minted.info.id == String(hexadecimal(token.digest).prefix(12)))
    }

    @Test func scopesAndTimeHaveDefaults() async throws {
        let store = try await Self.store()
        let marys = try await store.administration.mint(NewToken(account: Self.mary))
        #expect(marys.info.scopes == ["wl.messenger"])
        #expect(marys.info.expiresAt == "2012-04-26T11:00:00Z")
        let anns = try await store.administration.mint(NewToken(account: AccountName("ann@chat.example"), seconds: nil))
        #expect(anns.info.scopes == ["xmpp"])
        #expect(anns.info.expiresAt == nil)
        #expect(
            await store.failure { _ = try await $0.mint(NewToken(account: Self.mary, seconds: .max)) }
                == "no token can last that long")
    }

    @Test func aTokenIsRevokedByItsIDOrItsText() async throws {
        let store = try await Self.store()
        func mint() async throws -> MintedToken {
            try await store.administration.mint(NewToken(account: Self.mary))
        }
        func all() async throws -> [TokenInfo] {
            try await store.administration.tokens(of: nil)
        }
        let first = try await mint()
        let second = try await mint()
        #expect(try await all().count == 2)
        _ = try await store.administration.revoke(first.info.id.uppercased())
        #expect(try await all() == [second.info])
        _ = try await store.administration.revoke(second.token)
        #expect(try await all() == [])
        #expect(await store.failure { _ = try await $0.revoke(second.token) } != nil)
        #expect(await store.failure { _ = try await $0.revoke("0123456789ab") } == "there is no token 0123456789ab")
    }
}
