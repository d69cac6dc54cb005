import NIOCore
import Testing
import XMPPServer

@testable import TestKit
@testable import XMPPModules

/// XEP-0060 and XEP-0163: whatever strangers ask an account about its nodes, they get the same bytes where there is none.
@Suite(.timeLimit(.minutes(5))) struct StrangersTests {
    private static let script = Result {
        try Script(
            name: "strangers",
            text: """
                host localhost standard
                  limits: {rate: {stanzas-per-second: 0, bytes-per-second: 0}}
                """)
    }

    /// What somebody may ask of a node. `NODE` is its name, `ME` the asker.
    private static let aboutNodes: [(type: String, payload: String)] =
        [
            "<items node='NODE'/>", "<items node='NODE'><item id='1'/></items>", "<items node='NODE' max_items='1'/>",
            "<items node='NODE'/><set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set>",
            "<items node='NODE'/><order xmlns='urn:xmpp:order-by:1' by='creation'/>",
            "<subscriptions node='NODE'/>", "<affiliations node='NODE'/>", "<default node='NODE'/>",
            "<options node='NODE' jid='ME'/>", "<options node='NODE' jid='ME' subid='x'/>", "<options node='NODE'/>",
        ].map { ("get", "<pubsub xmlns='http://jabber.org/protocol/pubsub'>\($0)</pubsub>") }
        + [
            "<publish node='NODE'><item id='1'><a xmlns='urn:example'/></item></publish>",
            "<publish node='NODE'/>",
            "<publish node='NODE'><item/></publish>\(options("publish-options", "publish-options", "access_model", "open"))",
            "<retract node='NODE'><item id='1'/></retract>",
            "<retract node='NODE' notify='1'><item id='none'/></retract>",
            "<create node='NODE'/>",
            "<create node='NODE'/>\(options("configure", "node_config", "access_model", "open"))",
            "<create node='NODE'/>\(options("configure", "node_config", "access_model", "king"))",
            "<subscribe node='NODE' jid='ME'/>", "<subscribe node='NODE' jid='ME/pc'/>",
            "<subscribe node='NODE' jid='nurse@localhost'/>", "<subscribe node='NODE'/>",
            "<subscribe node='NODE' jid='ME'/>\(options("options", "subscribe_options", "deliver", "1"))",
            "<unsubscribe node='NODE' jid='ME'/>", "<unsubscribe node='NODE' jid='ME' subid='x'/>",
            "<unsubscribe node='NODE' jid='nurse@localhost'/>",
            "<options node='NODE' jid='ME'><x xmlns='jabber:x:data' type='submit'/></options>",
            "<options node='NODE' jid='ME'><x xmlns='jabber:x:data' type='cancel'/></options>",
        ].map { ("set", "<pubsub xmlns='http://jabber.org/protocol/pubsub'>\($0)</pubsub>") }
        + ["<configure node='NODE'/>", "<affiliations node='NODE'/>", "<subscriptions node='NODE'/>"]
        .map { ("get", "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>\($0)</pubsub>") }
        + [
            "<configure node='NODE'><x xmlns='jabber:x:data' type='submit'/></configure>",
            "<configure node='NODE'><x xmlns='jabber:x:data' type='cancel'/></configure>",
            "<delete node='NODE'/>", "<delete node='NODE'><redirect uri='xmpp:other'/></delete>",
            "<purge node='NODE'/>",
            "<affiliations node='NODE'><affiliation jid='ME' affiliation='owner'/></affiliations>",
            "<subscriptions node='NODE'><subscription jid='ME' subscription='subscribed'/></subscriptions>",
        ].map { ("set", "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>\($0)</pubsub>") }
        + [
            ("get", "<query xmlns='http://jabber.org/protocol/disco#info' node='NODE'/>"),
            ("get", "<query xmlns='http://jabber.org/protocol/disco#items' node='NODE'/>"),
            ("get", "<query xmlns='http://jabber.org/protocol/disco#items' node='NODE'>\(filter("a", "b"))</query>"),
        ]

    /// What is about no node, or about none that may be.
    private static let others: [(type: String, payload: String)] =
        [
            "<subscriptions/>", "<affiliations/>", "<default/>", "<items/>", "<options/>", "<options jid='@'/>", "",
            "<king/>", "<items node=''/>",
        ].map { ("get", "<pubsub xmlns='http://jabber.org/protocol/pubsub'>\($0)</pubsub>") }
        + ["<create/>", "<publish/>", "<subscribe jid='ME'/>", "<retract/>", ""]
        .map { ("set", "<pubsub xmlns='http://jabber.org/protocol/pubsub'>\($0)</pubsub>") }
        + ["<default/>", "<configure/>", "<affiliations/>", "<subscriptions/>", ""]
        .map { ("get", "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>\($0)</pubsub>") }
        + ["<delete/>", "<purge/>", "<configure/>", "<default/>", ""]
        .map { ("set", "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>\($0)</pubsub>") }
        + [
            ("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>"),
            ("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>"),
            ("get", "<query xmlns='http://jabber.org/protocol/disco#items'>\(filter("a", nil))</query>"),
            ("get", "<query xmlns='http://jabber.org/protocol/disco#items'>\(filter("a", "b"))</query>"),
            (
                "get",
                "<query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'>"
                    + "<max>1</max></set></query>"
            ),
            (
                "get",
                "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>"
            ),
        ]

    private static func options(_ name: String, _ type: String, _ field: String, _ value: String) -> String {
        """
        <\(name)><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>\
        <value>http://jabber.org/protocol/pubsub#\(type)</value></field>\
        <field var='pubsub#\(field)'><value>\(value)</value></field></x></\(name)>
        """
    }

    private static func filter(_ included: String, _ excluded: String?) -> String {
        let other = excluded.map { "<field var='excluded-types'><value>\($0)</value></field>" } ?? ""
        return """
            <filter xmlns='urn:xmpp:pubsub-filter:0'><x xmlns='jabber:x:data' type='submit'>\
            <field var='included-types'><value>\(included)</value></field>\(other)</x></filter>
            """
    }

    /// What an account keeps, none of it for strangers.
    private static let nodes: [(name: String, fields: [(name: String, values: [String])])] = [
        ("urn:example:friends", []), ("urn:example:mine", [("pubsub#access_model", ["whitelist"])]),
        ("urn:example:group", [("pubsub#access_model", ["roster"]), ("pubsub#roster_groups_allowed", ["Friends"])]),
        ("urn:example:writable", [("pubsub#access_model", ["whitelist"]), ("pubsub#publish_model", ["subscribers"])]),
    ]

    private static let names =
        nodes.map(\.name) + [
            "urn:example:none", "urn:xmpp:pps:subscribers:0/urn:example:friends", "urn:xmpp:pps:subscribers:0/none",
            "urn:xmpp:pps:subscriptions:0", "http://jabber.org/protocol/nick",
        ]

    @Test func everyRequest() async throws {
        let talk = Conversation(try Self.script.get(), try await TestServer(Self.script.get().configuration))
        try await talk.setUp()
        let host = try #require(talk.server.server.hosts["localhost"])
        for name in ["juliet", "nurse"] {
            let jid = try #require(JID("\(name)@localhost"))
            let account = try #require(try await host.find(jid).get())
            for (node, fields) in Self.nodes {
                let item = NodeChange.Item(
                    id: "1", payload: try Element(ownOutput: Array("<a xmlns='urn:example'/>".utf8)))
                let error = await host.personalEventing?.publish([item], to: node, of: account, configuration: fields)
                #expect(error == nil)
            }
            // One of them is closed.
            if name == "nurse" { _ = try await host.change(account, AccountUpdate(isEnabled: false)) }
        }
        try await talk.signIn("romeo", "pc", isOnline: true, nil)
        let romeo = try talk.client("romeo")
        try await talk.settle()
        romeo.pending = []
        let aboutNodes = Self.names.flatMap { name in
            Self.aboutNodes.map { ($0.type, $0.payload.replacing("NODE", with: name)) }
        }
        for (type, payload) in aboutNodes + Self.others.map({ ($0.type, $0.payload) }) {
            let payload = payload.replacing("ME", with: "romeo@localhost")
            var answers: [String] = []
            for account in ["rosaline", "juliet", "nurse"] {
                try await romeo.send("<iq type='\(type)' id='q' to='\(account)@localhost'>\(payload)</iq>")
                guard case .element(let answer) = try await romeo.next(instead: "\(type) \(payload)") else { break }
                answers.append(String(buffer: answer.bytes).replacing("\(account)@", with: "somebody@"))
            }
            #expect(answers.count == 3 && Set(answers).count == 1, "\(type) \(payload): \(answers)")
        }
        await talk.tearDown()
    }
}
