import XMPPServer

/// XEP-0060 §4.2: a subscription, as it is stored under its address.
struct NodeSubscription: Sendable {
    enum State: String, Sendable, CaseIterable { case none, pending, unconfigured, subscribed }

    /// Who is notified.
    let jid: JID
    let id: String
    var state: State
    /// XEP-0465: everybody may know of it.
    var isPublic = false
    var options = SubscriptionOptions()
}

extension NodeSubscription: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:pubsub#subscription"

    init?(stored element: Element) {
        guard let jid = element["jid"].flatMap({ JID($0) }), let id = element["id"],
            let state = element["state"].flatMap(State.init)
        else { return nil }
        self.init(
            jid: jid, id: id, state: state, isPublic: element["public"] != nil,
            options: SubscriptionOptions(
                delivers: element["deliver"] == nil,
                shows: element["shows"].map { $0.split(separator: " ").map(String.init) },
                expiry: element["expiry"].flatMap { Timestamp($0) }))
    }

    func write(to writer: inout XMLWriter) {
        writer.element(
            "subscription", Self.namespace,
            [
                "jid": jid.string, "id": id, "state": state.rawValue, "public": isPublic ? "1" : nil,
                "deliver": options.delivers ? nil : "0", "shows": options.shows?.joined(separator: " "),
                "expiry": options.expiry?.xep0082,
            ])
    }
}

/// §16.4.2: how a subscriber wants to be notified.
struct SubscriptionOptions: Sendable, Equatable {
    static let formType: Namespace = "http://jabber.org/protocol/pubsub#subscribe_options"
    private static let shown = ["away", "chat", "dnd", "online", "xa"]

    var delivers = true
    /// In which states of presence; nil: in all, and away.
    var shows: [String]?
    /// Until when; nil: for ever.
    var expiry: Timestamp?

    /// - Throws: `bad-request` with `invalid-options` for what is unknown or no value of an option. §6.3.6
    mutating func apply(_ form: DataForm, now: Timestamp) throws(StanzaError) {
        let invalid = StanzaError(.badRequest, detail: NodeAccess.detail("invalid-options"))
        for (name, values) in form.fields {
            switch name {
            case "pubsub#deliver":
                guard let value = values.first.flatMap({ Bool(form: $0) }) else { throw invalid }
                delivers = value
            case "pubsub#show-values":
                guard values.allSatisfy(Self.shown.contains) else { throw invalid }
                let chosen = Set(values)
                shows = chosen.isEmpty || chosen.count == Self.shown.count ? nil : chosen.sorted()
            case "pubsub#expire":
                if values.isEmpty || values == ["presence"] || values == [""] {
                    expiry = nil
                } else {
                    guard let time = values.first.flatMap({ Timestamp($0) }), time > now else { throw invalid }
                    expiry = time
                }
            case "pubsub#digest", "pubsub#include_body":
                guard let value = values.first.flatMap({ Bool(form: $0) }), !value else { throw invalid }
            case "pubsub#subscription_type":
                guard values == ["items"] else { throw invalid }
            case "pubsub#subscription_depth":
                guard values == ["1"] else { throw invalid }
            default:
                throw invalid
            }
        }
    }

    var fields: [FormField] {
        [
            FormField(
                name: "pubsub#deliver", type: "boolean", label: "Enable delivery?", values: [delivers ? "1" : "0"]),
            FormField(
                name: "pubsub#show-values", type: "list-multi", label: "Deliver in these states of presence alone",
                options: Self.shown, values: shows ?? []),
            FormField(
                name: "pubsub#expire", type: "text-single", label: "When the subscription ends",
                values: expiry.map { [$0.xep0082] } ?? []),
        ]
    }
}

/// What an entity is to one node at an address, under the node's name: so that an entity finds all nodes that it has to do with.
enum EntityRelation: Sendable, StoredValue {
    case affiliation(Affiliation)
    case subscription(NodeSubscription)
    /// It has made the node, or has inherited it from whoever has: the node counts for it.
    case creation
    /// It has to do with a node of an account; see `PubSubEngine.notes(of:with:at:)`.
    case note

    private static let namespace: Namespace = "urn:swallowtail:pubsub#affiliation"
    private static let creations: Namespace = "urn:swallowtail:pubsub#creation"
    private static let notes: Namespace = "urn:swallowtail:pubsub#note"

    init?(stored element: Element) {
        if element.isIn(Self.creations) {
            self = .creation
        } else if element.isIn(Self.notes) {
            self = .note
        } else if element.isIn(Self.namespace) {
            guard let affiliation = element["affiliation"].flatMap(Affiliation.init) else { return nil }
            self = .affiliation(affiliation)
        } else {
            guard let subscription = NodeSubscription(stored: element) else { return nil }
            self = .subscription(subscription)
        }
    }

    func write(to writer: inout XMLWriter) {
        switch self {
        case .affiliation(let affiliation):
            writer.element("affiliation", Self.namespace, ["affiliation": affiliation.rawValue])
        case .subscription(let subscription): subscription.write(to: &writer)
        case .creation: writer.element("creation", Self.creations)
        case .note: writer.element("note", Self.notes)
        }
    }
}
