import Testing
import XMPPServer

@testable import TestKit

/// What administrators see of nodes, and do with them.
@Suite(.timeLimit(.minutes(5))) struct NodeCommandTests {
    private static let tune = "http://jabber.org/protocol/tune"

    private static let script = Result { try Script(name: "node commands", text: "contacts romeo juliet") }

    private func withServer(_ body: (Conversation) async throws -> Void) async throws {
        let script = try Self.script.get()
        let talk = Conversation(script, try await TestServer(script.configuration))
        try await talk.setUp()
        try await talk.signIn("romeo", "pc", isOnline: true, nil)
        try await body(talk)
        await talk.tearDown()
    }

    private func perform(_ command: String, _ arguments: [String: String], _ talk: Conversation) async -> CommandReply {
        let arguments = arguments.merging(["host": "localhost"]) { first, _ in first }
        return await Administration(talk.server.server).perform(
            CommandRequest(command, arguments.mapValues { CommandValue($0) }))
    }

    private func publish(_ id: String, _ talk: Conversation) async throws {
        try await talk.ask(
            "romeo",
            """
            <iq type='set' id='p\(id)'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='\(Self.tune)'>\
            <item id='\(id)'><tune xmlns='\(Self.tune)'/></item></publish></pubsub></iq>
            """, "p\(id)")
        try await talk.settle()
    }

    @Test func nodesOfAnAccount() async throws {
        try await withServer { talk in
            try await publish("1", talk)
            #expect(await perform("pubsub-list", ["account": "romeo"], talk).text.contains(Self.tune))
            let node = ["account": "romeo", "node": Self.tune]
            #expect(await perform("pubsub-show", node, talk).text.contains("items"))
            #expect(await perform("pubsub-purge", node, talk).failure == nil)
            let pubSub = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='\(Self.tune)'/></pubsub>"
            let answer = try await talk.ask("romeo", "<iq type='get' id='g'>\(pubSub)</iq>", "g")
            #expect(answer.firstChild?.firstChild.map { $0.firstChild == nil } == true)
            #expect(await perform("pubsub-delete", node, talk).failure == nil)
            #expect(await perform("pubsub-show", node, talk).failure == .notFound)
            #expect(await perform("pubsub-purge", node, talk).failure == .notFound)
            #expect(
                await perform("pubsub-explain", node.merging(["reader": "juliet@localhost"]) { $1 }, talk).failure
                    == .notFound)
        }
    }

    @Test func whatWasPublished() async throws {
        try await withServer { talk in
            try await publish("1", talk)
            let explained = await perform("explain", ["subject": "romeo@localhost"], talk).text
            #expect(explained.contains("received from romeo@localhost/pc for romeo@localhost"))
            #expect(explained.contains("told others: 0 clients by presence, 0 by subscription, of \(Self.tune)"))
        }
    }

    @Test func whoIsToldOfAnAccountsNode() async throws {
        try await withServer { talk in
            try await publish("1", talk)
            func explained(_ reader: String) async -> String {
                await perform("pubsub-explain", ["account": "romeo", "node": Self.tune, "reader": reader], talk).text
            }
            #expect(
                await explained("nurse@localhost").contains("does not see the account's presence"))
            #expect(await explained("juliet@localhost").contains("is not available"))
            try await talk.signIn("juliet", "balcony", isOnline: true, nil)
            let juliet = try talk.client("juliet")
            #expect(await explained("juliet@localhost").contains("has not asked for the node"))
            try await juliet.send(
                """
                <presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:example:client' \
                ver='veM1l2a/eCqo95jvomst+1rXZlc='/></presence>
                """)
            while case .element(let element) = try await juliet.next() {
                guard element.hasName("iq"), let id = element["id"] else { continue }
                try await juliet.send(
                    """
                    <iq type='result' id='\(id)' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'>\
                    <identity category='client' type='pc' name='Test'/>\
                    <feature var='http://jabber.org/protocol/disco#info'/><feature var='\(Self.tune)+notify'/></query></iq>
                    """)
                break
            }
            try await talk.settle()
            // What is said is what happens.
            #expect(await explained("juliet@localhost").contains("yes"))
            juliet.pending = []
            try await publish("2", talk)
            #expect(juliet.pending.count == 1)
            try await talk.ask(
                "juliet",
                "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block></iq>", "b"
            )
            #expect(await explained("juliet@localhost").contains("has blocked the account"))
            juliet.pending = []
            try await publish("3", talk)
            #expect(juliet.pending.isEmpty)
        }
    }

    @Test func whoIsToldOfAServicesNode() async throws {
        try await withServer { talk in
            try await talk.signIn("juliet", "balcony", isOnline: true, nil)
            func pubSub(_ name: String, _ content: String) async throws {
                try await talk.ask(
                    name,
                    """
                    <iq type='set' id='s' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                    \(content)</pubsub></iq>
                    """, "s")
            }
            func explained() async -> String {
                await perform("pubsub-explain", ["node": "n", "reader": "juliet@localhost"], talk).text
            }
            try await pubSub("romeo", "<create node='n'/>")
            #expect(await explained().contains("is not subscribed"))
            try await pubSub("juliet", "<subscribe node='n' jid='juliet@localhost'/>")
            #expect(await explained().contains("yes"))
            try await pubSub(
                "juliet",
                """
                <options node='n' jid='juliet@localhost'><x xmlns='jabber:x:data' type='submit'>\
                <field var='pubsub#deliver'><value>0</value></field></x></options>
                """)
            #expect(await explained().contains("has switched delivery off"))
        }
    }
}
