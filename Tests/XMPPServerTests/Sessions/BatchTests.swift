import NIOCore
import SQLiteStorage
import Testing
import XMPP
import XMPPModules

@testable import XMPPServer

/// What is written to a client in one go may be more than may wait for it: it is written as the client takes it.
@Suite("Much for a client at once", .timeLimit(.minutes(10))) struct BatchTests {
    private static let limits =
        "limits: {outgoing-queue: 256 KiB, stanza-size: 128 KiB, rate: {stanzas-per-second: 0, bytes-per-second: 0}}"
    private static let count = 12
    private static let body = String(repeating: "x", count: 100_000)
    private static let enable = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"

    private func server() async throws -> TestServer {
        try await TestServer(
            settings: Self.limits, moduleSettings: "stream-management: {queued-bytes: 256 KiB}")
    }

    private func ids(_ text: String) -> [String] {
        text.matches(of: /<message [^>]*id="([^"]*)"[^>]*>/).map { String($0.1) }
    }

    /// Romeo sends Juliet, who is away, small messages and large ones: together more than may wait for her.
    private func keep(_ count: Int = count, for server: TestServer) async throws -> [String] {
        let romeo = try await server.session("romeo")
        var sent: [String] = []
        for number in 0..<count {
            for (name, body) in [("small", "x"), ("large", Self.body)] {
                try await romeo.send(
                    "<message type='chat' id='\(name)\(number)' to='juliet@example.org'><body>\(body)</body></message>")
                sent.append("\(name)\(number)")
            }
        }
        _ = try await romeo.ping()
        try await romeo.close()
        return sent
    }

    private func keptCount(_ server: TestServer) async throws -> Int {
        let juliet = try #require(JID("juliet@example.org"))
        return try await server.storage.archivedCount(ArchiveQuery(collection: ArchiveEntry.offline, owner: juliet))
    }

    @Test("All messages that were kept come, in order, however many bytes they have")
    func kept() async throws {
        let server = try await server()
        let sent = try await keep(for: server)
        let juliet = try await server.session("juliet", resource: "balcony")
        try await juliet.send("<presence/>")
        var received = ""
        for id in sent { received += try await juliet.read(until: "id=\"\(id)\"") + juliet.read(until: ">") }
        #expect(ids(received) == sent)
        await server.server.router.settled()
        #expect(try await keptCount(server) == 0)
        await server.stop()
    }

    @Test("Nothing that was not read is removed when the client is gone in the midst of it")
    func interrupted() async throws {
        let server = try await server()
        // More than the system takes for a client that does not read.
        let sent = try await keep(80, for: server)
        let deaf = try await TestClient(
            port: server.ports[0], tls: TestClient.TLS(name: "example.org"), receiveBuffer: 4_096)
        try await deaf.signIn("juliet", resource: "deaf")
        try await deaf.stopReading()
        try await deaf.send("<presence/>")
        // The hand-over has begun and waits for the reader.
        let address = try #require(JID("juliet@example.org"))
        let record = try #require(try await server.host().accounts.load(address))
        while record.session("deaf")?.isAvailable != true { await Task.yield() }
        try await deaf.close()
        let juliet = try await server.session("juliet", resource: "balcony")
        while record.session("deaf") != nil { await Task.yield() }
        try await juliet.send("<presence/>")
        // The last ones have certainly not been read before.
        let received = try await juliet.read(until: "id=\"\(sent[sent.count - 1])\"")
        #expect(Set(sent.suffix(40)).isSubset(of: ids(received + ">")))
        await server.stop()
    }

    @Test("A client that acknowledges gets them as it acknowledges, and the rest on its next connection")
    func acknowledged() async throws {
        let server = try await server()
        let sent = try await keep(for: server)
        var juliet = try await server.session("juliet", resource: "balcony")
        try await juliet.send(Self.enable)
        let enabled = try await juliet.read(until: "<enabled") + juliet.read(until: "/>")
        let id = try #require(enabled.firstMatch(of: /id="([^"]*)"/)?.1)
        try await juliet.send("<presence/>")
        var count = 0
        var received: [String] = []
        var acknowledgements = 0
        while received.count < sent.count {
            let text = try await juliet.read(until: "<r xmlns=\"urn:xmpp:sm:3\" />")
            count += text.matches(of: /<\/message>|<presence [^>]*\/>/).count
            received += ids(text)
            acknowledgements += 1
            if acknowledgements == 3 {
                // The connection is lost before it could acknowledge.
                try await juliet.close()
                juliet = try await server.connect(tls: TestClient.TLS(name: "example.org"))
                _ = try await juliet.open()
                try await juliet.authenticate("juliet", "secret")
                _ = try await juliet.read(until: "<success")
                _ = try await juliet.open()
                try await juliet.send("<resume xmlns='urn:xmpp:sm:3' previd='\(id)' h='\(count)'/>")
                _ = try await juliet.read(until: "<resumed")
            } else {
                try await juliet.send("<a xmlns='urn:xmpp:sm:3' h='\(count)'/>")
            }
        }
        #expect(received == sent)
        #expect(acknowledgements > 3)
        await server.server.router.settled()
        #expect(try await keptCount(server) == 0)
        await server.stop()
    }

    @Test("A page of an archive ends by its bytes, and the next one goes on behind it", arguments: [false, true])
    func pages(_ acknowledges: Bool) async throws {
        let server = try await server()
        let sent = try await keep(for: server)
        let juliet = try await server.session("juliet", resource: "balcony")
        if acknowledges {
            try await juliet.send(Self.enable)
            _ = try await juliet.read(until: "<enabled")
            _ = try await juliet.read(until: "/>")
        }
        var found: [String] = []
        var after = ""
        var pages = 0
        var count = 0
        var isComplete = false
        while !isComplete {
            pages += 1
            try await juliet.send(
                "<iq type='set' id='q\(pages)'><query xmlns='urn:xmpp:mam:2'>"
                    + "<set xmlns='http://jabber.org/protocol/rsm'><max>250</max>\(after)</set></query></iq>")
            var text = ""
            while !text.contains("</fin>") {
                let part = try await juliet.read(until: acknowledges ? "<r xmlns=\"urn:xmpp:sm:3\" />" : "</fin></iq>")
                text += part
                guard acknowledges else { break }
                count += part.matches(of: /<\/result><\/message>|<\/iq>/).count
                try await juliet.send("<a xmlns='urn:xmpp:sm:3' h='\(count)'/>")
            }
            found += text.matches(of: /<message [^>]*id="([^"]*)"[^>]*><body>/).map { String($0.1) }
            isComplete = text.contains("complete=\"true\"")
            let last = try #require(text.firstMatch(of: /<last>([^<]*)<\/last>/)?.1)
            after = "<after>\(last)</after>"
        }
        #expect(found == sent)
        #expect(pages > 1)
        await server.stop()
    }

    @Test("The presence of contacts and their requests for subscription keep nobody out, however large they are")
    func presence() async throws {
        let server = try await server()
        let host = try server.host()
        let juliet = try #require(JID("juliet@example.org"))
        let record = try #require(try await host.accounts.load(juliet))
        var contacts: [TestClient] = []
        for resource in 0..<Self.count {
            let contact = try await server.session("romeo", resource: "r\(resource)")
            try await contact.send("<presence id='p\(resource)'><status>\(Self.body)</status></presence>")
            contacts.append(contact)
        }
        for contact in contacts { _ = try await contact.ping() }
        record.updateRoster(try #require(JID("romeo@example.org"))) { _ in
            RosterItem(jid: JID("romeo@example.org") ?? juliet, state: .to, isListed: true)
        }
        for number in 0..<Self.count {
            // As a former release has kept them.
            let stanza =
                "<presence xmlns='jabber:client' type='subscribe' id='s\(number)'><status>\(Self.body)</status></presence>"
            record.updateRoster(try #require(JID("s\(number)@example.org"))) { _ in
                var item = RosterItem(jid: JID("s\(number)@example.org") ?? juliet, state: .nonePendingIn)
                item.invitation = Array(stanza.utf8)
                return item
            }
        }
        for isAcknowledging in [false, true] {
            let client = try await server.session("juliet", resource: "balcony\(isAcknowledging)")
            if isAcknowledging { try await client.send(Self.enable) }
            try await client.send("<presence/>")
            var text = ""
            var count = isAcknowledging ? 0 : .max
            while !(0..<Self.count).allSatisfy({ text.contains("id=\"p\($0)\"") && text.contains("id=\"s\($0)\"") }) {
                if isAcknowledging {
                    let part = try await client.read(until: "<r xmlns=\"urn:xmpp:sm:3\" />")
                    text += part
                    count = text.matches(of: #/</presence>|<presence [^>]*/>/#).count
                    try await client.send("<a xmlns='urn:xmpp:sm:3' h='\(count)'/>")
                } else {
                    text += try await client.read(until: ">")
                }
            }
            #expect(try await client.ping("after").contains("result"))
        }
        await server.stop()
    }

    @Test("The answer that a client has asked for may be larger than what may wait for it", arguments: [false, true])
    func roster(_ acknowledges: Bool) async throws {
        let server = try await server()
        let juliet = try #require(JID("juliet@example.org"))
        let record = try #require(try await server.host().accounts.load(juliet))
        for number in 0..<2_000 {
            let jid = try #require(JID("contact\(number)@example.org"))
            record.updateRoster(jid) { _ in
                RosterItem(jid: jid, name: String(repeating: "n", count: 500), state: .none, isListed: true)
            }
        }
        let client = try await server.session("juliet")
        if acknowledges { try await client.send(Self.enable) }
        try await client.send("<iq type='get' id='r1'><query xmlns='jabber:iq:roster'/></iq><presence/>")
        let answer = try await client.read(until: "</query></iq>")
        #expect(answer.matches(of: /<item jid/).count == 2_000)
        #expect(try await client.ping("after").contains("result"))
        await server.stop()
    }
}
