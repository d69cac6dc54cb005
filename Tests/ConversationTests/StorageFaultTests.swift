import NIOCore
import Testing
import XMPPServer

@testable import TestKit

/// The storage fails once, at the first call, then at the second, and so on until a whole run needs no more calls: nobody
/// waits for ever, every request has one answer, and no message is lost without its sender being told.
@Suite struct StorageFaultTests {
    private static let script = Result {
        try Script(
            name: "storage faults",
            text: """
                contacts mary ann
                contacts mary tom
                """)
    }

    @Test(.timeLimit(.minutes(10))) func oneFailure() async throws {
        var call = 1
        while try await run(failingAt: call) { call += 1 }
        #expect(call > 10)
    }

    /// - Returns: whether the run came as far as the call that was to fail.
    private func run(failingAt call: Int) async throws -> Bool {
        let server = try await TestServer()
        let talk = Conversation(try Self.script.get(), server)
        try await talk.setUp()
        let before = server.storage.calls
        server.storage.fail(at: call)
        do {
            try await converse(talk, "call \(call)")
        } catch {
            Issue.record("with call \(call) failing: \(error)")
        }
        let isReached = server.storage.calls - before >= call
        await talk.tearDown()
        return isReached
    }

    private func converse(_ talk: Conversation, _ comment: Comment) async throws {
        let mary = try await signIn("mary", "pc", talk)
        try await mary.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>")
        _ = try await answers(to: ["roster"], of: mary)
        try await mary.send(
            """
            <iq type='set' id='add'><query xmlns='jabber:iq:roster'><item jid='dan@messenger.localhost'/></query></iq>
            <presence type='subscribe' to='tom@contoso.example'/>
            <iq type='get' id='card' to='{{tom}}'><vCard xmlns='vcard-temp'/></iq>
            <iq type='get' id='find' to='ann@contoso.example'><getjid xmlns='jidlookup'/></iq>
            <message type='chat' id='message' to='{{ann}}'><body>Anybody home?</body></message>
            <iq type='get' id='list'><list xmlns='urn:xmpp:archive' with='{{ann}}'/></iq>
            """.replacing("{{tom}}", with: talk.known["tom"] ?? "").replacing("{{ann}}", with: talk.known["ann"] ?? ""))
        let ids: Set = ["add", "card", "find", "list"]
        let answers = try await answers(to: ids, of: mary)
        for id in ids { #expect(answers.count { $0 == id } == 1, comment) }
        // One with an id of its own behind the message: whatever became of the message has come before it.
        try await mary.ping()
        let isRefused = answers.contains("message") || mary.pending.contains { $0.id == "message" }
        if !isRefused { try await expectMessage(talk, comment) }
    }

    /// Whoever was away finds the message, if not at the first sign-in, then at the next.
    private func expectMessage(_ talk: Conversation, _ comment: Comment) async throws {
        for (resource, patience) in [("pc", TimeAmount.seconds(3)), ("phone", .seconds(60))] {
            let ann = try await signIn("ann", resource, talk)
            try await ann.send("<presence/>")
            while let received = await ann.connection.inbox.next(within: patience) {
                if received.id == "message" { return }
            }
            await ann.connection.close()
        }
        Issue.record("the message is lost; \(comment)")
    }

    private func signIn(_ alias: String, _ resource: String, _ talk: Conversation) async throws -> ScriptedClient {
        do {
            try await talk.signIn(alias, resource, isOnline: false, nil)
        } catch {
            // The failure was in the way; it is the only one.
            try await talk.signIn(alias, resource, isOnline: false, nil)
        }
        return try talk.client("\(alias)/\(resource)")
    }

    /// Waits until all of these have been answered.
    ///
    /// - Returns: the ids of all that came.
    private func answers(to ids: Set<String>, of client: ScriptedClient) async throws -> [String] {
        var found: [String] = []
        while !ids.isSubset(of: found) {
            let received = try await client.next(instead: ids.subtracting(found).sorted().joined(separator: ", "))
            if let id = received.id { found.append(id) }
        }
        return found
    }
}

extension Received {
    fileprivate var id: String? {
        if case .element(let element) = self { return element["id"] }
        return nil
    }
}
