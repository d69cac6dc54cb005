import Foundation
import TestKit
import Testing
import XMPP
import XMPPStream

@testable import XMPPServer

private let png = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3])

@Suite struct AccountAdministrationTests {
    // MARK: What an account is called

    @Test(
        arguments: [
            (NewAccount(host: "chat.example", id: "romeo"), "romeo@chat.example", nil),
            (NewAccount(name: "romeo@chat.example"), "romeo@chat.example", nil),
            (NewAccount(host: "chat.example", name: "Romeo"), "romeo@chat.example", nil),
            (NewAccount(host: "chat.example", name: "ann@mail.example"), "ann@chat.example", "ann@mail.example"),
            (
                NewAccount(host: "IM.example", id: "0003", accountID: "Ann@Mail.example"), "0003@im.example",
                "ann@mail.example"
            ),
        ] as [(NewAccount, String, String?)])
    func anAddressIsMadeOutOfWhatIsSaid(_ wanted: NewAccount, _ jid: String, _ accountID: String?) async throws {
        let store = try await BareStore()
        let account = try await store.add(wanted)
        #expect(account.jid == jid)
        #expect(account.accountID == accountID)
    }

    @Test(arguments: ["@x", "x@", "a@b@c", "a b@c.example", "", "x@-.example"])
    func whatIsNoAccountIDIsRefused(_ accountID: String) async throws {
        let store = try await BareStore()
        _ = try await store.add(NewAccount(host: "chat.example", id: "romeo"))
        let added = NewAccount(host: "chat.example", id: "r2", accountID: accountID)
        #expect(await store.failure { _ = try await $0.add(added) }?.contains("no account id") == true)
        guard !accountID.isEmpty else { return }
        let name = AccountName("romeo@chat.example")
        let changes = AccountChanges(accountID: accountID)
        #expect(await store.failure { _ = try await $0.change(name, changes) }?.contains("no account id") == true)
    }

    @Test(arguments: [
        ("andr\u{E9}@contoso.example", "andre\u{301}@contoso.example"),
        ("Ann@B\u{FC}cher.example", "ann@xn--bcher-kva.example"),
        ("tom@contoso.example", "\u{FF34}om@CONTOSO.example"),
    ])
    func twinsAreOneAccount(_ one: String, _ other: String) async throws {
        let store = try await BareStore()
        _ = try await store.add(NewAccount(host: "chat.example", id: "a", accountID: one))
        let twin = NewAccount(host: "chat.example", id: "b", accountID: other)
        #expect(await store.failure { _ = try await $0.add(twin) }?.contains("belongs to a@chat.example") == true)
        #expect(try await store.storage.account(host: "chat.example", accountID: other)?.jid.local == "a")
    }

    @Test func anAddressElsewhereIsNoAccountIDInSilence() async throws {
        let store = try await BareStore(hosts: ["chat.example": "standard"])
        let slip = NewAccount(name: "romeo@caht.example")
        #expect(await store.failure { _ = try await $0.add(slip) }?.contains("an account id needs --host") == true)
        #expect(
            await store.failure { _ = try await $0.add(NewAccount(name: "romeo@chat.example/phone")) }?
                .contains("the account's is romeo@chat.example") == true)
        let meant = try await store.add(NewAccount(host: "chat.example", name: "romeo@verona.example"))
        #expect(meant.jid == "romeo@chat.example" && meant.accountID == "romeo@verona.example")
        // Nor is a client of the account taken for it.
        let client = AccountName("romeo@chat.example/phone")
        #expect(await store.failure { try await $0.remove(client) }?.contains("no account") == true)
        #expect(try await store.administration.accounts(of: nil).count == 1)
    }

    @Test func whatNamesAnAccountEndsWithItOnTheBareStore() async throws {
        let store = try await BareStore()
        let name = AccountName("romeo@chat.example")
        _ = try await store.add(NewAccount(name: "romeo@chat.example", password: "secret"))
        _ = try await store.add(NewAccount(name: "juliet@chat.example", password: "secret"))
        for inviter in [name, AccountName("juliet@chat.example")] {
            _ = try await store.administration.invite(inviter, host: nil, seconds: 3600)
        }
        let removal = CommandRequest("account-remove", ["accounts": .text(name.name)])
        #expect(await store.administration.perform(removal).text.contains("removed"))
        _ = try await store.add(NewAccount(name: "romeo@chat.example", password: "secret"))
        let left = try await store.administration.invitations(of: nil).map(\.info)
        #expect(left.map(\.inviter) == ["juliet@chat.example"])
    }

    @Test func whereOnlyTokensSignInAnAddressIsRandom() async throws {
        let store = try await BareStore()
        let account = try await store.add(NewAccount(host: "im.example", name: "mary@contoso.example"))
        #expect(account.accountID == "mary@contoso.example")
        #expect(account.jid.wholeMatch(of: /[0-9a-f]{16}@im\.example/) != nil)
    }

    @Test func theOnlyHostNeedsNotBeNamed() async throws {
        let store = try await BareStore(hosts: ["chat.example": "standard"])
        #expect(try await store.add(NewAccount(name: "romeo")).jid == "romeo@chat.example")
    }

    @Test func whatCannotBeAddedIsRefusedWithAReason() async throws {
        let store = try await BareStore()
        _ = try await store.add(NewAccount(name: "romeo@chat.example", accountID: "romeo@verona.example"))
        func reason(_ account: NewAccount) async -> String? { await store.failure { _ = try await $0.add(account) } }
        #expect(
            await reason(NewAccount(name: "romeo@chat.example")) == "there is an account romeo@chat.example already")
        #expect(
            await reason(NewAccount(name: "r2@chat.example", accountID: "Romeo@Verona.example"))
                == "the account id Romeo@Verona.example belongs to romeo@chat.example")
        #expect(await reason(NewAccount(name: "romeo"))?.contains("--host im.example or chat.example") == true)
        #expect(await reason(NewAccount(host: "other.example", id: "a"))?.contains("not served here") == true)
        #expect(await reason(NewAccount(host: "chat.example", id: "a b"))?.contains("local part") == true)
        #expect(await reason(NewAccount(host: "chat.example"))?.contains("--id") == true)
        #expect(await reason(NewAccount(host: "chat.example", id: "a", password: ""))?.contains("password") == true)
        #expect(await reason(NewAccount(host: "chat.example", id: "a", photo: Data([1])))?.contains("PNG") == true)
        #expect(try await store.administration.accounts(of: nil).count == 1)
    }

    // MARK: Finding

    @Test(arguments: ["mary@contoso.example", "MARY@contoso.example", "0003@im.example", "0003"])
    func anAccountIsFoundByAnyOfItsNames(_ name: String) async throws {
        let store = try await BareStore()
        _ = try await store.add(NewAccount(host: "im.example", id: "0003", accountID: "mary@contoso.example"))
        let found = try await store.administration.details(of: AccountName(name))
        #expect(found.account.jid == "0003@im.example")
    }

    @Test func aNameOnSeveralHostsNeedsItsHost() async throws {
        let store = try await BareStore()
        _ = try await store.add(NewAccount(host: "im.example", id: "ann"))
        _ = try await store.add(NewAccount(host: "chat.example", id: "ann"))
        #expect(await store.failure { _ = try await $0.details(of: AccountName("ann")) }?.contains("--host") == true)
        let found = try await store.administration.details(of: AccountName("ann", host: "Chat.example"))
        #expect(found.account.jid == "ann@chat.example")
        #expect(
            await store.failure { _ = try await $0.details(of: AccountName("bob", host: "im.example")) }
                == "there is no account bob on im.example")
    }

    // MARK: Changing

    @Test func whatIsNotNamedStaysAsItIs() async throws {
        let store = try await BareStore()
        _ = try await store.add(
            NewAccount(name: "ann@chat.example", accountID: "ann@mail.example", displayName: "Ann", photo: png))
        func set(_ changes: AccountChanges) async throws -> AccountInfo {
            try await store.administration.change(AccountName("ann@chat.example"), changes)
        }
        let quiet = try await set(AccountChanges(keepsHistory: false))
        #expect(!quiet.keepsHistory && quiet.displayName == "Ann" && quiet.accountID == "ann@mail.example")
        let nameless = try await set(AccountChanges(accountID: "", isAdministrator: true))
        #expect(nameless.accountID == nil && nameless.isAdministrator && !nameless.keepsHistory)
        func hasPhoto() async throws -> Bool {
            try await store.administration.details(of: AccountName("ann@chat.example"))
                .hasPhoto
        }
        #expect(try await hasPhoto())
        _ = try await set(AccountChanges(photo: Data()))
        #expect(try await !hasPhoto())
    }

    @Test func aPhotoIsStoredAsInAVCard() async throws {
        let store = try await BareStore()
        _ = try await store.add(NewAccount(name: "ann@chat.example", photo: png))
        let jid = try #require(JID("ann@chat.example"))
        let stored = try #require(try await store.storage.value(AccountPhoto.store, jid, key: ""))
        #expect(
            String(decoding: stored, as: UTF8.self)
                == "<PHOTO xmlns=\"vcard-temp\"><TYPE>image/png</TYPE><BINVAL>iVBORw0KGgoBAgM=</BINVAL></PHOTO>")
    }

    @Test func aPasswordIsStoredAsKeysOfEachHash() async throws {
        let store = try await BareStore()
        _ = try await store.add(NewAccount(name: "ann@chat.example", password: "first"))
        let jid = try #require(JID("ann@chat.example"))
        let name = AccountName("ann@chat.example")
        let token = try await store.administration.mint(NewToken(account: name))
        try await store.administration.setPassword("second", of: name)
        let credentials = try await store.storage.credentials(jid)
        #expect(Set(credentials.map(\.hash)) == Set(SCRAMHash.allCases))
        #expect(credentials.allSatisfy { $0.iterations == 4096 && $0.verifies(password: "second") })
        #expect(try await store.storage.token(digest: Authenticator.digest(ofToken: token.token)) == nil)
        try await store.administration.setPassword(nil, of: name)
        #expect(try await store.storage.credentials(jid).isEmpty)
    }

    @Test func aRemovedAccountIsGoneFromTheRostersOfItsContacts() async throws {
        let store = try await BareStore()
        for name in ["ann", "bob", "eve"] { _ = try await store.add(NewAccount(name: "\(name)@chat.example")) }
        let ann = AccountName("ann@chat.example")
        for other in ["bob@chat.example", "eve@chat.example"] {
            try await store.administration.addContact(AccountName(other), to: ann)
        }
        try await store.administration.remove(ann)
        for other in ["bob@chat.example", "eve@chat.example"] {
            #expect(try await store.administration.contacts(of: AccountName(other)) == [])
        }
        #expect(await store.failure { _ = try await $0.details(of: ann) } != nil)
        #expect(try await store.administration.accounts(of: "chat.example").count == 2)
    }
}
