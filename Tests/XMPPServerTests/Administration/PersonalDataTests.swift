import Foundation
import TestKit
import Testing
import XML
import XMPP
import XMPPModules

@testable import XMPPServer

/// What is kept for an account goes out, comes back and ends by what modules declare.
@Suite struct PersonalDataTests {
    private static func fill(_ store: BareStore, _ jid: JID) async throws {
        var changes: [StorageChange] = [
            .updateAccount(jid, AccountUpdate(personalMessage: "Away")),
            .putRosterItem(
                owner: jid,
                RosterItem(
                    jid: try #require(JID("bob@contoso.example")), name: "Bob", groups: ["Friends"], state: .both,
                    isListed: true)),
            .putValue(store: "blocked", owner: jid, key: "spam.example", []),
            .putValue(
                store: "private", owner: jid, key: "storage storage:bookmarks",
                Array("<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>".utf8)),
        ]
        let (nodes, items) = (
            MapName(owner: jid, store: "pubsub-nodes", name: "nodes"),
            MapName(owner: jid, store: "pubsub-items", name: "urn:example:notes")
        )
        let node = "<node xmlns='urn:swallowtail:pubsub' name='urn:example:notes' created='2012-04-26T10:00:00Z'/>"
        changes.append(
            .putItem(nodes, key: "urn:example:notes", Array(node.utf8), expiresAt: nil, keepsPlace: false))
        for number in 1...450 {
            let item = """
                <item xmlns='urn:swallowtail:pubsub#item' at='2012-04-26T10:00:00Z'>\
                <note xmlns='urn:example'>a &lt; \(number) ]}\n,"</note></item>
                """
            changes.append(
                .putItem(
                    items, key: "\(1000 - number)", Array(item.utf8), expiresAt: number == 3 ? BareStore.now : nil,
                    keepsPlace: false))
            for collection in [ArchiveEntry.archive, ArchiveEntry.offline] {
                let stanza = "<message xmlns='jabber:client' type='chat'><body>a &lt; \(number) ]\n,\"</body></message>"
                changes.append(
                    .append(
                        ArchiveEntry(
                            id: ArchiveID(rawValue: Int64(number * 2 + (collection == ArchiveEntry.archive ? 1 : 0))),
                            collection: collection, owner: jid, peer: try #require(JID("bob@contoso.example")),
                            isIncoming: number % 2 == 0, time: BareStore.now, stanza: Array(stanza.utf8))))
            }
        }
        changes.append(
            .putItem(
                MapName(owner: jid, store: "pubsub-items", name: "urn:example:empty"), key: "nothing", [],
                expiresAt: nil,
                keepsPlace: false))
        try await store.storage.commit(changes)
    }

    @Test func whatIsExportedComesBack() async throws {
        let store = try await BareStore(hosts: ["chat.example": "standard"])
        let png = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3])
        _ = try await store.add(
            NewAccount(
                name: "ann@chat.example", accountID: "ann@contoso.example", displayName: "Ann", photo: png,
                keepsHistory: false, password: "secret"))
        let ann = try #require(JID("ann@chat.example"))
        try await Self.fill(store, ann)
        let file = "\(store.directory)/ann.json"
        let export = CommandRequest("account-export", ["account": "ann", "file": .text(file), "format": "json"])
        #expect(await store.administration.perform(export).failure == nil)
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        // Never over another file.
        #expect(await store.administration.perform(export).parameter == "file")

        let former = try await Contents(of: ann, in: store)
        try await store.administration.remove(store.administration.account(AccountName("ann")))
        let reply = await store.administration.perform(CommandRequest("account-import", ["file": .text(file)]))
        #expect(reply.failure == nil, "\(reply.text)")
        let now = try await Contents(of: ann, in: store)
        #expect(now.messages == former.messages && now.messages.count == 900)
        #expect(now.values == former.values && now.roster == former.roster)
        // An account with a name has a node for its nickname.
        let maps = now.maps.filter { !$0.hasPrefix("http://jabber.org/protocol/nick ") }
        #expect(maps == former.maps && maps.count == 452)
        #expect(now.account?.personalMessage == "Away" && now.account?.displayName == "Ann")
        #expect(now.account?.accountID == "ann@contoso.example" && now.account?.keepsHistory == false)
        // What opened it was not in the file.
        #expect(try await store.storage.credentials(ann).isEmpty)
        #expect(try !String(contentsOfFile: file, encoding: .utf8).contains("storedKey"))
    }

    @Test(arguments: [
        "", "{}", "{\"account\":{}}", "{\"account\":7,\n\"messages\":[]}", "\n\n\n", "<server-data/>",
    ])
    func whatIsNoExportMakesNoAccount(_ text: String) async throws {
        let store = try await BareStore(hosts: ["chat.example": "standard"])
        let file = "\(store.directory)/other.json"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let reply = await store.administration.perform(CommandRequest("account-import", ["file": .text(file)]))
        #expect(reply.text == "this is no export of an account in JSON")
        #expect(try await store.administration.accounts(of: nil).isEmpty)
    }

    @Test func anExportThatBreaksOffLeavesNothing() async throws {
        let store = try await BareStore(hosts: ["chat.example": "standard"])
        _ = try await store.add(NewAccount(name: "ann@chat.example"))
        let ann = try #require(JID("ann@chat.example"))
        try await Self.fill(store, ann)
        let file = "\(store.directory)/ann.json"
        let export = CommandRequest("account-export", ["account": "ann", "file": .text(file), "format": "json"])
        #expect(await store.administration.perform(export).failure == nil)
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let lines = text.split(separator: "\n")
        try (lines.prefix(300).joined(separator: "\n") + "\n{\"time\"").write(
            toFile: file, atomically: true, encoding: .utf8)
        let request = CommandRequest("account-import", ["file": .text(file), "name": "eve@chat.example"])
        #expect(await store.administration.perform(request).failure == .invalid)
        let eve = try #require(JID("eve@chat.example"))
        #expect(try await store.storage.account(eve) == nil)
        #expect(try await Contents(of: eve, in: store).messages.isEmpty)
    }

    /// What is kept for an account, but for the ids of messages.
    private struct Contents {
        let account: Account?
        let roster: [RosterItem]
        let values: [String: [String: [UInt8]]]
        let messages: [String]
        let maps: [String]

        init(of jid: JID, in store: BareStore) async throws {
            let storage = store.storage
            account = try await storage.account(jid)
            roster = try await storage.roster(of: jid).items
            var values: [String: [String: [UInt8]]] = [:]
            for name in try await storage.stores(of: jid) { values[name] = try await storage.values(name, jid) }
            self.values = values
            var messages: [String] = []
            for collection in [ArchiveEntry.archive, ArchiveEntry.offline] {
                let entries = try await storage.archived(
                    ArchiveQuery(collection: collection, owner: jid, limit: 10_000))
                messages += entries.map {
                    "\(collection) \($0.peer) \($0.isIncoming) \($0.time.xep0082) \(String(decoding: $0.stanza, as: UTF8.self))"
                }
            }
            self.messages = messages
            var maps: [String] = []
            for (store, name) in [
                ("pubsub-nodes", "nodes"), ("pubsub-items", "urn:example:notes"), ("pubsub-items", "urn:example:empty"),
            ] {
                let map = MapName(owner: jid, store: store, name: name)
                let page = try await storage.mapPage(MapQuery(map, limit: 10_000))
                maps += (page?.items ?? []).map {
                    "\($0.key) \($0.expiresAt?.xep0082 ?? "") \(String(decoding: $0.value, as: UTF8.self))"
                }
            }
            self.maps = maps
        }
    }

    // MARK: Erasure

    /// What the host owns about an account ends with it, whoever removes it, also where the module is off.
    @Test(arguments: ["standard", "messenger"])
    func whatTheHostOwnsEndsWithTheAccount(_ profile: String) async throws {
        let store = try await BareStore(hosts: ["chat.example": profile])
        _ = try await store.add(NewAccount(host: "chat.example", id: "ann"))
        let (ann, bob) = (try #require(JID("ann@chat.example")), try #require(JID("bob@chat.example")))
        let owner = try #require(JID("chat.example"))
        let invitations = Invitation.store(in: store.storage)
        for (inviter, key) in [(ann, "a"), (bob, "b")] {
            let invitation = Invitation(inviter: inviter, createdAt: BareStore.now, expiresAt: BareStore.now)
            try await store.storage.commit([invitations.putting(invitation, owner, key: key)])
        }
        try await store.administration.remove(store.administration.account(AccountName("ann")))
        #expect(try await invitations.all(owner).keys.sorted() == ["b"])
    }

    /// What cannot be read is told to the operator, and holds up neither removal nor export.
    @Test func damagedValuesAreLogged() async throws {
        let log = LogRecorder()
        let store = try await BareStore(hosts: ["chat.example": "standard"], logger: log.logger)
        _ = try await store.add(NewAccount(name: "ann@chat.example"))
        let (ann, host) = (try #require(JID("ann@chat.example")), try #require(JID("chat.example")))
        let damaged = Array("<invitation".utf8)
        try await store.storage.commit([
            .putValue(store: Invitation.storeName, owner: host, key: "x", damaged),
            .putValue(store: AccountPhoto.store, owner: ann, key: "", damaged),
        ])
        let file = "\(store.directory)/ann.json"
        let export = CommandRequest("account-export", ["account": "ann", "file": .text(file), "format": "json"])
        #expect(await store.administration.perform(export).failure == nil)
        for name in [Invitation.storeName, AccountPhoto.store] {
            #expect(
                log.lines.contains { $0.hasPrefix("error") && $0.contains("store \(name) is not XML") }, "\(log.lines)")
        }
        try await store.administration.remove(store.administration.account(AccountName("ann")))
        #expect(try await store.storage.values(Invitation.storeName, host).keys.sorted() == ["x"])
    }

    /// The portable format has a place for what an account has published.
    @Test func nodesAreInThePortableFormat() async throws {
        let store = try await BareStore(hosts: ["chat.example": "standard"])
        _ = try await store.add(NewAccount(name: "ann@chat.example"))
        let ann = try #require(JID("ann@chat.example"))
        try await Self.fill(store, ann)
        let file = "\(store.directory)/ann.xml"
        let export = CommandRequest("account-export", ["account": "ann", "file": .text(file), "format": "xml"])
        #expect(await store.administration.perform(export).failure == nil)
        let data = try Element(ownOutput: Array(Data(contentsOf: URL(filePath: file))))
        let user = try #require(data.firstChild?.firstChild)
        let nodes = user.children.first { $0.namespaceName == "http://jabber.org/protocol/pubsub#owner" }
        let items = user.children.first { $0.namespaceName == "http://jabber.org/protocol/pubsub" }
        #expect(nodes?.firstChild?["node"] == "urn:example:notes")
        let notes = try #require(items?.firstChild)
        #expect(notes["node"] == "urn:example:notes" && notes.children.count { _ in true } == 450)
        #expect(notes.firstChild?["id"] == "999" && notes.firstChild?.firstChild?.namespaceName == "urn:example")
    }

    @Test func eachStoreIsDeclaredOnce() async throws {
        let store = try await BareStore()
        let host = try #require(store.administration.server.hosts.all.first)
        let names = host.personalData.map(\.store)
        #expect(Set(names).count == names.count)
        #expect(names.contains("device") && names.contains("blocked") && names.contains("invitation"))
    }
}
