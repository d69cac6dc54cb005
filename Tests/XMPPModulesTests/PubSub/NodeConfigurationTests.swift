import Testing
import XML
import XMPP
import XMPPServer

@testable import XMPPModules

/// Forms that configure nodes, XEP-0060 §16.4.4.
@Suite struct NodeConfigurationTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let field: String
        let values: [String]
        let isTaken: Bool
        var testDescription: String { "\(field)=\(values)" }

        init(_ field: String, _ values: String..., isTaken: Bool = true) {
            self.field = field
            self.values = values
            self.isTaken = isTaken
        }
    }

    static let rows: [Row] = [
        Row("title", "Musings"), Row("description", ""), Row("type", "http://www.w3.org/2005/Atom"),
        Row("language", "en"),
        Row("access_model", "open"), Row("access_model", "roster"), Row("access_model", "secret", isTaken: false),
        Row("access_model", "open", "roster", isTaken: false), Row("access_model", isTaken: false),
        Row("roster_groups_allowed", "Friends", "Family"), Row("roster_groups_allowed"),
        Row("publish_model", "subscribers"), Row("publish_model", "all", isTaken: false),
        Row("persist_items", "1"), Row("persist_items", "false"), Row("persist_items", "yes", isTaken: false),
        Row("max_items", "max"), Row("max_items", "10"), Row("max_items", "100"),
        Row("max_items", "101", isTaken: false),
        Row("max_items", "0", isTaken: false), Row("max_items", "-1", isTaken: false),
        Row("max_items", "9999999999999999999", isTaken: false), Row("max_items", "many", isTaken: false),
        Row("item_expire", "604800"), Row("item_expire", "max"), Row("item_expire", "-5", isTaken: false),
        Row("max_payload_size", "1028"), Row("publish_node_full", "reject"),
        Row("send_last_published_item", "never"), Row("send_last_published_item", "sometimes", isTaken: false),
        Row("notification_type", "normal"), Row("itemreply", "publisher"), Row("notify_sub", "true"),
        Row("purge_offline", "0"), Row("purge_offline", "1", isTaken: false), Row("collection", ""),
        Row("collection", "a", isTaken: false), Row("unheard_of", "1", isTaken: false),
    ]

    @Test(arguments: rows) func field(_ row: Row) {
        var configuration = NodeConfiguration()
        let form = DataForm(fields: [("pubsub#\(row.field)", row.values)])
        do throws(StanzaError) {
            try configuration.apply(form, maximumItems: 100)
            #expect(row.isTaken)
            #expect(configuration.meets(form, maximumItems: 100))
        } catch {
            #expect(!row.isTaken && error == .notAcceptable)
            #expect(!NodeConfiguration().meets(form, maximumItems: 100))
        }
    }

    @Test func whatIsShownCanBeSubmitted() throws {
        var configuration = NodeConfiguration.personal
        configuration.title = "Tunes"
        configuration.rosterGroups = ["Friends"]
        configuration.itemExpiry = 60
        var other = NodeConfiguration()
        try other.apply(DataForm(fields: configuration.fields.map { ($0.name, $0.values) }), maximumItems: 100)
        #expect(other == configuration)
    }

    @Test func asManyAsThereMayBeIsANumberToo() {
        var configuration = NodeConfiguration()
        configuration.maximumItems = nil
        #expect(configuration.meets(DataForm(fields: [("pubsub#max_items", ["max"])]), maximumItems: 100))
        #expect(configuration.meets(DataForm(fields: [("pubsub#max_items", ["100"])]), maximumItems: 100))
        #expect(!configuration.meets(DataForm(fields: [("pubsub#max_items", ["99"])]), maximumItems: 100))
        configuration.maximumItems = 100
        #expect(configuration.meets(DataForm(fields: [("pubsub#max_items", ["max"])]), maximumItems: 100))
    }

    @Test func aNodeIsStoredAsItIs() throws {
        var node = PubSubNode(
            name: "a \"node\" <&>", configuration: .personal, created: Timestamp(milliseconds: 1_335_434_400_123),
            creator: JID("romeo@localhost"))
        node.configuration.title = "Tunes & more"
        node.configuration.rosterGroups = ["Friends", "Family"]
        node.configuration.maximumItems = nil
        node.affiliations = try [
            #require(JID("juliet@localhost")): .publisher, #require(JID("nurse@localhost")): .outcast,
        ]
        var writer = XMLWriter(contentNamespace: .none)
        node.write(to: &writer)
        let element = try Element(ownOutput: writer.finish())
        #expect(PubSubNode(stored: element) == node)
    }

    /// A node that is for few must not become one for all.
    @Test func aStoredFieldWithoutAValueIsNotLeftOut() throws {
        let namespace: Namespace = "urn:swallowtail:pubsub"
        let created = Timestamp(milliseconds: 1_335_434_400_123).xep0082
        for (field, isRead) in [("pubsub#access_model", false), ("pubsub#of-another-version", true)] {
            var writer = XMLWriter(contentNamespace: .none)
            writer.element("node", namespace, ["name": "n", "created": created]) { writer in
                writer.element("field", nil, ["var": field]) { $0.element("value", text: "unknown") }
            }
            let element = try Element(ownOutput: writer.finish())
            #expect((PubSubNode(stored: element) != nil) == isRead)
        }
    }

    @Test func aLargeFormIsNotRead() throws {
        var writer = XMLWriter(contentNamespace: .none)
        writer.element("x", .dataForms, ["type": "submit"]) { writer in
            for number in 0..<200 { writer.element("field", nil, ["var": "pubsub#f\(number)"]) }
        }
        let form = try Element(ownOutput: writer.finish())
        #expect(throws: StanzaError.notAcceptable) { try DataForm(form) }
    }
}
