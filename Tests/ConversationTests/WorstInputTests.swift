import NIOCore
import Testing
import XMPPServer

@testable import TestKit

/// Whatever a client sends, nobody is sent much more than that because of it; and what is accepted arrives, wherever it is
/// read.
@Suite(.timeLimit(.minutes(10))) struct WorstInputTests {
    private static let script = Result {
        try Script(
            name: "worst input",
            text: """
                host localhost standard
                  modules: {message-archiving: {complete: on}}
                  limits: {rate: {stanzas-per-second: 0, bytes-per-second: 0}}
                host messenger.localhost messenger
                  limits: {rate: {stanzas-per-second: 0, bytes-per-second: 0}}
                contacts romeo juliet
                contacts romeo tybalt
                contacts mary tom
                account tybalt tybalt@localhost
                """)
    }

    // MARK: Output is bounded by input

    private static let long = String(repeating: "n", count: 900)
    private static let quotes = String(repeating: "\"", count: 900)
    private static let references = String(repeating: "&amp;", count: 200)

    /// What makes the content of a stanza large when it is written anew.
    private static let contents: [(declaration: String, content: String)] = [
        ("xmlns:a='\(long)'", String(repeating: "<a:x/>", count: 300)),
        ("xmlns:a='\(quotes)'", "<w xmlns='urn:w'>\(String(repeating: "<x a:b='' a:c=''/>", count: 100))</w>"),
        ("xmlns:a='\(references)'", "<a:w \((0..<120).map { "a:n\($0)=''" }.joined(separator: " "))/>"),
        ("xmlns:a='\(long)'", String(repeating: "<x xmlns='urn:x'><a:y/></x>", count: 100)),
    ]

    /// What the server takes off, so that the rest is written anew.
    private static let forged =
        "<received xmlns='urn:xmpp:carbons:2'/><stanza-id xmlns='urn:xmpp:sid:0' id='f' by='juliet@localhost'/>"
        + "<result xmlns='urn:xmpp:mam:2'/><delay xmlns='urn:xmpp:delay' from='localhost' stamp='2002-09-10T23:08:25Z'/>"
        + "<x xmlns='jabber:x:delay' from='localhost' stamp='20020910T23:08:25'/>"

    private static func stanza(_ name: String, _ attributes: String, _ content: String) -> [String] {
        [
            "<\(name) \(attributes)>\(content)</\(name)>",
            "<c:\(name) xmlns:c='jabber:client' \(attributes)>\(content)</c:\(name)>",
        ]
    }

    @Test(arguments: [Transport.memory, .websocket, .tcp])
    func outputIsBoundedByInput(_ transport: Transport) async throws {
        let talk = try await self.talk(transport)
        let contact = try #require(talk.known["juliet"])
        for name in ["romeo/pc", "romeo/phone", "juliet/balcony", "juliet/phone"] {
            let parts = name.split(separator: "/").map(String.init)
            try await talk.signIn(parts[0], parts[1], isOnline: true, nil)
            try await talk.client(name).send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
        }
        try await clear(talk)
        for (declaration, content) in Self.contents {
            let messages =
                Self.stanza("message", "to='\(contact)' type='chat' id='m' \(declaration)", "<body/>" + content)
                + Self.stanza(
                    "message", "to='\(contact)/balcony' type='chat' \(declaration)", Self.forged + content)
                + Self.stanza("message", "to='tybalt@localhost' type='chat' \(declaration)", "<body/>" + content)
                + Self.stanza("presence", declaration, content)
            let requests =
                Self.stanza(
                    "iq", "type='set' id='v' \(declaration)", "<vCard xmlns='vcard-temp'>\(content)</vCard>")
                + Self.stanza(
                    "iq", "type='set' id='p' \(declaration)",
                    "<query xmlns='jabber:iq:private'><k xmlns='urn:k'>\(content)</k></query>")
            for stanza in messages + requests {
                try await talk.client("romeo/pc").send(stanza)
                try await expectBound(talk, stanza, transport)
            }
            // Each kind is kept by itself, and what they share with each.
            let kinds = "<query xmlns='jabber:iq:private'>\(content)</query>"
            try await talk.client("romeo/pc").send("<iq type='set' id='q' \(declaration)>\(kinds)</iq>")
            try await expectBound(talk, kinds, transport)
            for asked in [
                "<iq type='get' id='v' to='\(talk.known["romeo"] ?? "")'><vCard xmlns='vcard-temp'/></iq>",
                "<iq type='get' id='p'><query xmlns='jabber:iq:private'><k xmlns='urn:k'/></query></iq>",
                "<iq type='get' id='q'><query xmlns='jabber:iq:private'><w xmlns='urn:w'/></query></iq>",
                "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max>"
                    + "<before/></set></query></iq>",
                "<iq type='get' id='h'><retrieve xmlns='urn:xmpp:archive' with='\(contact)' start='2012-04-26T10:00:00Z'>"
                    + "<set xmlns='http://jabber.org/protocol/rsm'><max>1</max><before/></set></retrieve></iq>",
                "<iq type='get' id='l'><list xmlns='urn:xmpp:archive'/></iq>",
            ] {
                let client = try talk.client("romeo/pc")
                try await client.send(asked)
                var received: [Received] = []
                repeat { received.append(try await client.next()) } while received.last?.element?.hasName("iq") == false
                #expect(received.last?.element?["type"] == "result", "\(asked)")
                client.pending = received + client.pending
                try await expectBound(talk, asked + declaration + content, transport)
            }
        }
        // What was kept for somebody who was away; at most one of them is as large as the largest.
        try await talk.signIn("tybalt", "street", isOnline: false, nil)
        let tybalt = try talk.client("tybalt")
        try await tybalt.send("<presence/>")
        try await talk.settle()
        let kept = tybalt.pending.compactMap(\.message)
        #expect(kept.count == Self.contents.count * 2)
        for message in kept { #expect(message.byteCount < 8 * 4_000) }
        await talk.tearDown()
    }

    @Test(arguments: [Transport.memory, .websocket]) func invitationsAndPersonalMessages(_ transport: Transport)
        async throws
    {
        let talk = try await self.talk(transport)
        let mary = try #require(try Self.script.get().people.first { $0.alias == "mary" }).account.jid
        try await talk.server.storage.commit([.updateAccount(mary, AccountUpdate(personalMessage: "Somewhere"))])
        try await talk.signIn("tom", "pc", isOnline: true, nil)
        try await talk.signIn("ann", "pc", isOnline: true, nil)
        try await talk.signIn("mary", "pc", isOnline: true, nil)
        try await clear(talk)
        let ann = try #require(talk.known["ann"])
        for (declaration, content) in Self.contents {
            let nick = "<nick xmlns='http://jabber.org/protocol/nick'>The Pope</nick>"
            let stanzas =
                Self.stanza("presence", "type='subscribe' to='\(ann)' \(declaration)", nick + content)
                + Self.stanza("presence", declaration, content)
            for stanza in stanzas {
                try await talk.client("mary").send(stanza)
                try await talk.settle()
                let received = try talk.client("ann").pending
                #expect(!received.contains { "\($0)".contains("The Pope") })
                try await expectBound(talk, stanza, transport)
            }
        }
        await talk.tearDown()
    }

    /// What the header of a stream declares goes along with a stanza that needs it, and is little.
    @Test func declarationsOfTheStream() async throws {
        let talk = try await self.talk(.memory)
        try await talk.signIn("juliet", "balcony", isOnline: true, nil)
        let connection = ScriptedClient(try await talk.server.connect(to: nil))
        let secret = Base64.encode(Array("\0romeo\0\(TestAccount.password)".utf8))
        let header =
            "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
            + "xmlns:stream='http://etherx.jabber.org/streams' xmlns:a='\(Self.long)' xmlns:b='\(Self.quotes)'>"
        try await connection.send(header)
        try await connection.send(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\(secret)</auth>\(header)"
                + "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        while case .some(let received) = await connection.connection.inbox.next(), !"\(received)".contains("<jid>") {}
        connection.jid = JID("romeo@localhost/x")
        talk.clients.append(("romeo", connection))
        let message =
            "<message to='\(talk.known["juliet"] ?? "")' type='chat'>"
            + String(repeating: "<a:x/><b:x/>", count: 500) + "</message>"
        for message in [message, "<message to='\(talk.known["juliet"] ?? "")' type='chat'><a:x/><b:x/></message>"] {
            try await connection.send(message)
            try await expectBound(talk, message, .memory)
        }
        await talk.tearDown()
    }

    /// Reads what everybody has got: for each at most eight times what was sent, and 4 KiB.
    private func expectBound(_ talk: Conversation, _ input: String, _ transport: Transport) async throws {
        try await talk.settle()
        for (name, client) in talk.clients {
            let count = client.pending.reduce(0) { $0 + $1.byteCount }
            #expect(
                count <= 8 * input.utf8.count + 4096,
                "\(name), \(transport): \(count) of \(input.utf8.count), \(input.prefix(60))")
            #expect(!client.pending.contains { $0.isEnd }, "\(name) is gone")
            client.pending = []
        }
    }

    private func clear(_ talk: Conversation) async throws {
        try await talk.settle()
        for (_, client) in talk.clients { client.pending = [] }
    }

    private func talk(_ transport: Transport) async throws -> Conversation {
        let script = try Self.script.get()
        let talk = Conversation(script, try await TestServer(script.configuration, transport: transport))
        try await talk.setUp()
        return talk
    }

    // MARK: What was accepted arrives

    /// Contents of messages that are allowed, with what has to be declared on the message.
    private static let allowed: [(declaration: String, content: String)] = {
        let deep = 62
        return [
            ("", "<body>\(String(repeating: "x", count: 261_800))</body>"),
            ("", "<body>\(String(repeating: "\"'", count: 130_000))</body>"),
            ("", "<x xmlns='urn:x' y='\(String(repeating: "\"", count: 200_000))'/>"),
            ("xmlns:a='urn:a'", "<x a:\(String(repeating: "n", count: 1_020))='1'/>"),
            ("xmlns:a='urn:a'", "<a:\(String(repeating: "n", count: 1_020))/>"),
            ("", "<x xmlns='\(String(repeating: "n", count: 1_024))'/>"),
            ("xmlns:a='\(String(repeating: "&amp;", count: 1_024))'", "<a:x a:b='&#x1F426;'/>"),
            ("xmlns:a='urn:a'", "<x \((0..<128).map { "a:n\($0)='\($0)'" }.joined(separator: " "))/>"),
            (
                (0..<55).map { "xmlns:p\($0)='urn:\($0)'" }.joined(separator: " "),
                "<x \((0..<55).map { "p\($0):y=''" }.joined(separator: " "))/>"
            ),
            (
                "",
                "<x xmlns='urn:x'>\(String(repeating: "<y>", count: deep))\(String(repeating: "</y>", count: deep))</x>"
            ),
            ("", "<x xmlns='urn:x'><![CDATA[<y>&amp;]] >]]>&lt;&#13;&#x9;&#65;&apos;</x>"),
            ("", (0..<7_000).map { "<x xmlns='urn:\($0)'/>" }.joined()),
        ]
    }()

    private static func messages(to address: String) -> [String] {
        allowed.enumerated().flatMap { index, message in
            stanza(
                "message", "to='\(address)' type='chat' id='m\(index)' \(message.declaration)",
                "<store xmlns='urn:xmpp:hints'/>" + message.content)
        }
    }

    @Test(arguments: [Transport.memory, .websocket]) func whatWasAcceptedArrives(_ transport: Transport) async throws {
        var talk = try await self.talk(transport)
        try await talk.signIn("romeo", "pc", isOnline: true, nil)
        try await talk.signIn("juliet", "balcony", isOnline: true, nil)
        try await clear(talk)
        let (juliet, tybalt) = (talk.known["juliet"] ?? "", talk.known["tybalt"] ?? "")
        for message in Self.messages(to: juliet) {
            try await talk.client("romeo").send(message)
            try await talk.settle()
            let received = try talk.client("juliet").pending.compactMap(\.message)
            #expect(received.count == 1 && received.allSatisfy { Self.isSame($0, message) }, "\(message.prefix(80))")
            try await clear(talk)
        }
        for message in Self.messages(to: tybalt) { try await talk.client("romeo").send(message) }
        try await clear(talk)
        try await expectArchive(talk, of: "juliet", Self.messages(to: juliet))
        // On what is stored another server finds the same.
        let former = talk
        await former.tearDown()
        talk = Conversation(try Self.script.get(), try await TestServer(after: former.server))
        talk.known = former.known
        try await talk.signIn("juliet", "balcony", isOnline: false, nil)
        try await expectArchive(talk, of: "juliet", Self.messages(to: juliet))
        try await talk.signIn("tybalt", "street", isOnline: false, nil)
        try await talk.client("tybalt").send("<presence/>")
        try await talk.settle()
        let kept = try talk.client("tybalt").pending.compactMap(\.message)
        let expected = Self.messages(to: tybalt)
        #expect(kept.count == expected.count)
        for (message, sent) in zip(kept, expected) { #expect(Self.isSame(message, sent), "\(sent.prefix(80))") }
        await talk.tearDown()
    }

    private func expectArchive(_ talk: Conversation, of name: String, _ sent: [String]) async throws {
        let client = try talk.client(name)
        // One at a time, as what they take together is more than may wait for a client.
        var after = ""
        for sent in sent {
            try await client.send(
                "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max>"
                    + "\(after)</set></query></iq>")
            var found: [Element] = []
            while case .element(let element) = try await client.next(), element["id"] != "q" {
                if let result = element.child("result", "urn:xmpp:mam:2") { found.append(result) }
            }
            let message = found.first?.firstChild?.child("message", .client)
            #expect(found.count == 1 && message.map { Self.isSame($0, sent) } == true, "\(sent.prefix(80))")
            after = "<after>\(found.first?["id"] ?? "")</after>"
        }
    }

    /// What is damaged in the storage is left out, and the rest is there.
    @Test func whatIsDamagedIsLeftOut() async throws {
        let talk = try await self.talk(.memory)
        let (owner, peer) = (try #require(JID(talk.known["juliet"] ?? "")), try #require(JID("romeo@localhost")))
        for (id, collection) in [(1, ArchiveEntry.offline), (2, ArchiveEntry.archive)] as [(Int64, String)] {
            let entry = ArchiveEntry(
                id: ArchiveID(rawValue: id), collection: collection, owner: owner, peer: peer, isIncoming: true,
                time: talk.server.clock.now, stanza: Array("<message xmlns='jabber:client'><body>".utf8))
            try await talk.server.storage.commit([.append(entry)])
        }
        try await talk.signIn("romeo", "pc", isOnline: true, nil)
        try await talk.client("romeo").send("<message to='\(owner)' type='chat' id='m'><body>Whole</body></message>")
        try await clear(talk)
        try await talk.signIn("juliet", "balcony", isOnline: false, nil)
        let juliet = try talk.client("juliet")
        try await juliet.send("<presence/>")
        try await talk.settle()
        #expect(juliet.pending.compactMap(\.message).map { $0["id"] } == ["m"])
        juliet.pending = []
        try await juliet.send("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>")
        var found = 0
        while case .element(let element) = try await juliet.next(), element["id"] != "q" { found += 1 }
        #expect(found == 1)
        await talk.tearDown()
    }

    /// Whether a message holds what was sent, whatever the server has added.
    private static func isSame(_ message: Element, _ sent: String) -> Bool {
        guard let sent = try? Element(ownOutput: ByteBuffer(string: sent), contentNamespace: .client) else {
            return false
        }
        let received = message.children.filter { !$0.isNamed("stanza-id", .stanzaIDs) && !$0.isNamed("delay", .delay) }
        let expected = Array(sent.children)
        return message["id"] == sent["id"] && received.count == expected.count
            && zip(received, expected).allSatisfy { $0.isEquivalent(to: $1) }
    }
}

extension Received {
    fileprivate var byteCount: Int {
        element?.byteCount ?? 0
    }

    fileprivate var element: Element? {
        if case .element(let element) = self { element } else { nil }
    }

    fileprivate var message: Element? {
        element.flatMap { $0.isNamed("message", .client) ? $0 : nil }
    }
}
