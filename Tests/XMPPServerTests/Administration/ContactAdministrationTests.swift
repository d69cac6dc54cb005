import Testing
import XMPP

@testable import XMPPServer

@Suite struct ContactAdministrationTests {
    private static let ann = AccountName("ann@chat.example")
    private static let mary = AccountName("mary@contoso.example")

    private static func store() async throws -> BareStore {
        let store = try await BareStore()
        _ = try await store.add(
            NewAccount(host: "im.example", id: "0003", accountID: "mary@contoso.example", displayName: "Mary"))
        _ = try await store.add(NewAccount(name: "ann@chat.example"))
        return store
    }

    @Test func bothBecomeContactsOfEachOther() async throws {
        let store = try await Self.store()
        try await store.administration.addContact(Self.mary, to: Self.ann)
        let anns = try await store.administration.contacts(of: Self.ann)
        #expect(anns.map(\.jid) == ["0003@im.example"])
        #expect(anns.map(\.name) == ["Mary"])
        #expect(anns.map(\.subscription) == ["both"])
        let marys = try await store.administration.contacts(of: Self.mary)
        #expect(marys.map(\.jid) == ["ann@chat.example"])
        #expect(marys.map(\.name) == [nil])
        #expect(marys.map(\.subscription) == ["both"])
    }

    @Test func whatTheOwnerWroteStaysAndInvitationsAreAnswered() async throws {
        let store = try await Self.store()
        let ann = try #require(JID("ann@chat.example"))
        let mary = try #require(JID("0003@im.example"))
        let item = RosterItem(
            jid: mary, name: "M", groups: ["Friends"], state: .nonePendingIn, invitation: Array("<presence/>".utf8))
        try await store.storage.commit([.putRosterItem(owner: ann, item)])
        try await store.administration.addContact(Self.ann, to: Self.mary)
        let expected = RosterItem(jid: mary, name: "M", groups: ["Friends"], state: .both, isListed: true)
        #expect(try await store.storage.roster(of: ann).items == [expected])
        #expect(try await store.storage.roster(of: ann).version != nil)
    }

    @Test func bothAreRemovedFromEachOther() async throws {
        let store = try await Self.store()
        try await store.administration.addContact(Self.mary, to: Self.ann)
        try await store.administration.removeContact(Self.ann, from: Self.mary)
        for name in [Self.ann, Self.mary] {
            #expect(try await store.administration.contacts(of: name) == [])
        }
        #expect(
            await store.failure { _ = try await $0.removeContact(Self.ann, from: Self.mary) }
                == "ann@chat.example is not a contact of 0003@im.example")
    }

    @Test func somebodyWithoutAnAccountCanBeRemoved() async throws {
        let store = try await Self.store()
        let ann = try #require(JID("ann@chat.example"))
        let far = try #require(JID("far@away.example"))
        try await store.storage.commit([
            .putRosterItem(owner: ann, RosterItem(jid: far, state: .to, isListed: true))
        ])
        let contact = AccountName("far@away.example")
        #expect(await store.failure { _ = try await $0.addContact(contact, to: Self.ann) } != nil)
        try await store.administration.removeContact(contact, from: Self.ann)
        #expect(try await store.storage.roster(of: ann).items == [])
    }

    @Test func nobodyIsAContactOfTheirs() async throws {
        let store = try await Self.store()
        #expect(await store.failure { _ = try await $0.addContact(Self.ann, to: Self.ann) } != nil)
    }
}
