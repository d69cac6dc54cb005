import Testing
import XMPPServer

@testable import TestKit

/// A change that could not be stored is undone, and its sender is told.
@Suite(.timeLimit(.minutes(5))) struct FailedCommitTests {
    private static let script = Result {
        try Script(name: "failed commits", text: "host localhost standard\ncontacts romeo juliet\n")
    }

    private static let roster = "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>"

    /// What a client is shown as its contacts.
    private func contacts(_ client: ScriptedClient) async throws -> Set<String> {
        try await client.send(Self.roster)
        while case .element(let element) = try await client.next() {
            guard element["id"] == "r" else { continue }
            return Set(element.firstChild?.children.compactMap { $0["jid"] } ?? [])
        }
        return []
    }

    @Test(arguments: ["subscribe", "subscribed", "unsubscribe", "unsubscribed"])
    func subscriptions(_ type: String) async throws {
        let server = try await TestServer(Self.script.get().configuration)
        let talk = Conversation(try Self.script.get(), server)
        try await talk.setUp()
        let contact = type.hasPrefix("un") ? "juliet@localhost" : "tybalt@localhost"
        try await talk.signIn("romeo", "pc", isOnline: true, nil)
        let romeo = try talk.client("romeo")
        let before = try await contacts(romeo)
        let subscription = try subscription(server, contact)
        server.storage.failCommits()
        try await romeo.send("<presence type='\(type)' to='\(contact)' id='p'/>")
        // The change is pushed, refused with one error, and taken back by a push.
        var (errors, pushes) = (0, 0)
        while errors < 1 || pushes < 2, case .element(let element) = try await romeo.next() {
            if element["id"] == "p", element["type"] == "error" { errors += 1 }
            if element.hasName("iq"), element["type"] == "set" { pushes += 1 }
        }
        server.storage.recover()
        try await talk.settle()
        #expect(!romeo.pending.contains { "\($0)".contains("id=\"p\"") })
        #expect(try self.subscription(server, contact) == subscription)
        #expect(try await contacts(romeo) == before)
        // The version of the list without it could not be stored, either. It is made up for behind the next change, so that
        // no client has a version of the store's with what was not stored.
        let record = try romeoRecord(server)
        let version = record.withRoster { $0.version }
        try await romeo.send(
            "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@localhost'/></query></iq>")
        var pushed: String?
        while case .element(let element) = try await romeo.next(), element["id"] != "s" || pushed == nil {
            pushed = element.child("query", .roster)?["ver"] ?? pushed
        }
        var stored = try await server.storage.roster(of: record.jid)
        while [version, pushed].contains(stored.version) {
            try await romeo.ping()
            stored = try await server.storage.roster(of: record.jid)
        }
        #expect(stored.version == record.withRoster { $0.version })
        #expect(Set(stored.items.map(\.jid.string)) == before.union(["nurse@localhost"]))
        await talk.tearDown()
    }

    // MARK: Messages

    private static let four = Result {
        try Script(
            name: "failed commits", text: "host localhost standard\ncontacts romeo juliet\ncontacts romeo nurse\n")
    }

    @Test(
        "Commits fail, wait and recover in any order: each message is delivered or refused, and acknowledged",
        arguments: 1...16 as ClosedRange<UInt64>)
    func schedules(_ seed: UInt64) async throws {
        var random = SeededGenerator(seed)
        let server = try await TestServer(Self.four.get().configuration)
        let talk = Conversation(try Self.four.get(), server)
        try await talk.setUp()
        for name in ["romeo", "juliet"] { try await talk.signIn(name, "pc", isOnline: true, nil) }
        let (romeo, juliet) = (try talk.client("romeo"), try talk.client("juliet"))
        if seed % 2 == 0 {
            try await juliet.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
            while case .element(let element) = try await juliet.next(), !element.hasName("enabled") {}
        }
        try await romeo.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        while case .element(let element) = try await romeo.next(), !element.hasName("enabled") {}
        var sent: [String: Set<String>] = [:]
        var count = 0
        var isHolding = false
        for step in 0..<40 {
            let choice = Int.random(in: 0..<10, using: &random)
            // What was sent before is handled before the storage changes; an answer would wait for what is held back.
            if choice < 3, !isHolding {
                count += 1
                try await romeo.send("<iq type='get' id='p\(step)'><ping xmlns='urn:xmpp:ping'/></iq>")
                while case .element(let element)? = await romeo.connection.inbox.next() {
                    romeo.pending.append(.element(element))
                    if element["id"] == "p\(step)" { break }
                }
            }
            switch choice {
            case 0: server.storage.failCommits()
            case 1: server.storage.recover()
            case 2:
                server.storage.holdCommits()
                isHolding = true
            case 3:
                server.storage.releaseCommits()
                isHolding = false
            case 4: try await romeo.send("<r xmlns='urn:xmpp:sm:3'/>")
            default:
                count += 1
                let name = Bool.random(using: &random) ? "juliet" : "nurse"
                sent[name, default: []].insert("m\(count)")
                try await romeo.send(
                    "<message to='\(name)@localhost' type='chat' id='m\(count)'><body>\(count)</body></message>")
            }
        }
        server.storage.recover()
        server.storage.releaseCommits()
        // All that was sent is handled, and its outcome is told, when it is acknowledged.
        var acknowledged = ""
        while acknowledged != "\(count)" {
            try await romeo.send("<r xmlns='urn:xmpp:sm:3'/>")
            while case .element(let element)? = await romeo.connection.inbox.next() {
                romeo.pending.append(.element(element))
                guard element.isNamed("a", .streamManagement) else { continue }
                acknowledged = element["h"] ?? ""
                break
            }
        }
        try await talk.settle()
        try await talk.signIn("nurse", "pc", isOnline: false, nil)
        try await talk.client("nurse").send("<presence/>")
        try await talk.settle()
        let refused = ids(of: romeo, "error")
        #expect(refused.count == Set(refused).count, "one error for each")
        for (name, client) in [("juliet", juliet), ("nurse", try talk.client("nurse"))] {
            let gotten = ids(of: client, "chat")
            #expect(gotten.count == Set(gotten).count)
            #expect(Set(gotten).isDisjoint(with: refused), "what is delivered is not refused")
            #expect(Set(gotten).union(refused).isSuperset(of: sent[name] ?? []), "nothing is lost")
        }
        await talk.tearDown()
    }

    /// Of all messages of that type that a client has got.
    private func ids(of client: ScriptedClient, _ type: String) -> [String] {
        client.pending.compactMap { received in
            guard case .element(let element) = received, element.hasName("message"), element["type"] == type else {
                return nil
            }
            return element["id"]
        }
    }

    private func subscription(_ server: TestServer, _ contact: String) throws -> SubscriptionState? {
        let contact = try #require(JID(contact))
        return try romeoRecord(server).rosterItem(contact)?.state
    }

    private func romeoRecord(_ server: TestServer) throws -> AccountRecord {
        let romeo = try #require(JID("romeo@localhost"))
        return try #require(server.server.hosts.cachedAccount(romeo))
    }
}
