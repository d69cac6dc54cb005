import Testing
import XMPPServer

@testable import TestKit
@testable import XMPPModules

/// An account's card and its views when the storage fails between them, or a view lags behind.
@Suite(.timeLimit(.minutes(5))) struct CardFaultTests {
    private static let data = "urn:xmpp:avatar:data"
    private static let metadata = "urn:xmpp:avatar:metadata"
    /// Two photos, with their ids.
    private static let one = ("iVBORw0KGgoAAAANSUhEUgAAAEAAAAAwCAYAAAA=", "dfea257aa157915abc54765c0c313d27d8987434")
    private static let other = ("iVBORw0KGgoAAAANSUhEUgAAAGAAAABgCAYAAAA=", "f73c9efe997740f77ecb60cfabac872d344a6c81")

    private static let script = Result { try Script(name: "cards", text: "contacts romeo juliet") }

    private func withRomeo(_ body: (Conversation, Host, AccountRecord) async throws -> Void) async throws {
        let script = try Self.script.get()
        let talk = Conversation(script, try await TestServer(script.configuration))
        try await talk.setUp()
        try await talk.signIn("romeo", "pc", isOnline: true, nil)
        try await talk.settle()
        let host = try #require(talk.server.server.hosts["localhost"])
        let romeo = try #require(JID("romeo@localhost"))
        let record = try #require(try await host.find(romeo).get())
        try await body(talk, host, record)
        await talk.tearDown()
    }

    /// The server ends and is started again, with romeo as before.
    private func restart(_ talk: Conversation) async throws -> Conversation {
        for (_, client) in talk.clients { await client.connection.close() }
        await talk.server.stop()
        await talk.server.close()
        let next = Conversation(try Self.script.get(), try await TestServer(after: talk.server))
        next.known = talk.known
        try await next.signIn("romeo", "pc", isOnline: true, nil)
        try await next.settle()
        return next
    }

    /// The page sets a photo and a name.
    private func setOnPage(_ photo: String, _ name: String, _ host: Host, _ record: AccountRecord) async throws {
        let photo = try #require(Base64.decode(photo).flatMap { AccountPhoto($0) })
        _ = try await host.change(
            record, AccountUpdate(displayName: name),
            with: [.putValue(store: AccountPhoto.store, owner: record.jid, key: "", photo.stored)])
    }

    private func publish(_ node: String, _ id: String, _ payload: String, _ talk: Conversation) async throws {
        try await talk.ask(
            "romeo",
            """
            <iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='\(node)'>\
            <item id='\(id)'>\(payload)</item></publish></pubsub></iq>
            """, "p")
        try await talk.settle()
    }

    private func publish(_ photo: (file: String, id: String), _ talk: Conversation) async throws {
        try await publish(Self.data, photo.id, "<data xmlns='\(Self.data)'>\(photo.file)</data>", talk)
        try await publish(
            Self.metadata, photo.id,
            "<metadata xmlns='\(Self.metadata)'><info bytes='29' id='\(photo.id)' type='image/png'/></metadata>", talk)
    }

    /// What the account's nodes say: the id of the avatar, and the nickname.
    private func shown(_ host: Host, _ record: AccountRecord) async throws -> [String?] {
        let pep = try #require(host.personalEventing)
        let avatar = try await pep.items(of: Self.metadata, of: record, newest: 1).last?.payload?.firstChild?["id"]
        return [avatar, try await pep.items(of: Namespace.nick.name, of: record, newest: 1).last?.payload?.text]
    }

    private func photo(_ host: Host, _ record: AccountRecord) async throws -> String? {
        try await host.photo(of: record.jid).map { Base64.encode($0.bytes) }
    }

    @Test(
        "A card that could not be shown is shown before the next presence; after a restart, too",
        arguments: [false, true])
    func aViewThatFails(_ restarts: Bool) async throws {
        try await withRomeo { talk, host, record in
            try await publish(Self.one, talk)
            #expect(try await shown(host, record) == [Self.one.1, "Romeo"])
            talk.server.storage.failCommits(after: 1)
            try await setOnPage(Self.other.0, "Montague", host, record)
            try await talk.settle()
            #expect(try await shown(host, record) == [Self.one.1, "Romeo"])
            talk.server.storage.recover()
            guard restarts else {
                try await talk.client("romeo").send("<presence/>")
                try await talk.settle()
                #expect(try await shown(host, record) == [Self.other.1, "Montague"])
                return
            }
            let talk = try await restart(talk)
            let host = try #require(talk.server.server.hosts["localhost"])
            let record = try #require(try await host.find(record.jid).get())
            #expect(try await shown(host, record) == [Self.other.1, "Montague"])
            #expect(try await photo(host, record) == Self.other.0)
            await talk.tearDown()
        }
    }

    @Test("Data that come between the page's photo and its views leave it alone") func dataBetween() async throws {
        try await withRomeo { talk, host, record in
            try await publish(Self.one, talk)
            talk.server.storage.failCommits(after: 1)
            try await setOnPage(Self.other.0, "Romeo", host, record)
            try await talk.settle()
            talk.server.storage.recover()
            try await publish(Self.data, "any", "<data xmlns='\(Self.data)'>AAAA</data>", talk)
            #expect(try await photo(host, record) == Self.other.0)
            #expect(try await shown(host, record) == [Self.other.1, "Romeo"])
        }
    }

    @Test("What a client publishes while another change of the card is about to be shown is not overwritten")
    func aCardBetween() async throws {
        try await withRomeo { talk, host, record in
            let (node, namespace) = ("urn:xmpp:vcard4", "urn:ietf:params:xml:ns:vcard-4.0")
            func card(_ more: String) -> String {
                "<vcard xmlns='\(namespace)'><fn><text>Romeo</text></fn>\(more)</vcard>"
            }
            try await publish(node, "current", card(""), talk)
            let pep = try #require(host.personalEventing)
            let (home, client) = (pep.engine.home(of: record), try talk.client("romeo"))
            var place: PubSubEngine.Turns.Place? = pep.engine.place(for: node, home)
            #expect(place != nil)
            let item = "<item id='current'>\(card("<tel><uri>tel:+15550123</uri></tel>"))</item>"
            try await client.send(
                """
                <iq type='set' id='a'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='\(node)'>\
                \(item)</publish></pubsub></iq>
                """)
            while pep.engine.waiting(at: home) < 1 { await Task.yield() }
            try await client.send(
                "<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>Romeo</FN><BDAY>2000-01-01</BDAY></vCard></iq>")
            while pep.engine.waiting(at: home) < 2 { await Task.yield() }
            place = nil
            while case .element(let element) = try await client.next(), element["id"] != "v" { continue }
            try await talk.settle()
            let shown = try await pep.items(of: node, of: record, newest: 1).last?.payload
            #expect(shown?.child("tel", VCard4.namespace) != nil)
        }
    }

    @Test("A view that lags behind shows no former photo again") func aViewThatLags() async throws {
        try await withRomeo { talk, host, record in
            let romeo = try talk.client("romeo")
            try await publish(Self.one, talk)
            let foreign = try Element(
                ownOutput: Array(
                    "<metadata xmlns='\(Self.metadata)'><info bytes='9' id='abc' type='image/avif'/></metadata>".utf8))
            let item = NodeChange.Item(id: "abc", payload: foreign)
            #expect(await host.personalEventing?.publish([item], to: Self.metadata, of: record) == nil)
            romeo.pending = []
            try await publish(Self.data, "any", "<data xmlns='\(Self.data)'>AAAA</data>", talk)
            #expect(try await shown(host, record).first == "abc")
            #expect(try await photo(host, record) == nil)
            let presences = romeo.pending.compactMap { received -> String? in
                guard case .element(let element) = received, element.hasName("presence") else { return nil }
                return element.child("x", "vcard-temp:x:update")?.child("photo", "vcard-temp:x:update")?.text
            }
            #expect(presences.last == "")
        }
    }
}
