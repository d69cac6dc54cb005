import XMPPServer

/// XEP-0060 §4.1: what somebody is to a node.
enum Affiliation: String, Sendable, CaseIterable {
    case owner, publisher
    case publishOnly = "publish-only"
    case member, none, outcast
}

/// A node as it is stored: its configuration, and who is what to it. Items and subscriptions are beside it, in maps of their own.
struct PubSubNode: Sendable, Equatable {
    let name: String
    var configuration: NodeConfiguration
    /// Of bare JIDs; who is nothing to the node is not in it. The owner of the account whose node it is stands nowhere.
    var affiliations: [JID: Affiliation] = [:]
    let created: Timestamp
    /// Who has made it, or owns it since whoever had made it is gone; nil: the server.
    var creator: JID?

    /// Whether all may read it who see its owner's presence, whoever they are.
    var isForAllContacts: Bool {
        affiliations.isEmpty && (configuration.accessModel == .open || configuration.accessModel == .presence)
    }

    /// Whether all may read it who have subscribed, whoever they are: nobody is shut out by name.
    var isForAllSubscribers: Bool {
        (configuration.accessModel == .open || configuration.accessModel == .authorize)
            && affiliations.values.allSatisfy { $0 == .owner || $0 == .publisher || $0 == .member }
    }

    /// The owners that are named.
    var owners: [JID] { affiliations.filter { $0.value == .owner }.map(\.key).sorted { $0.string < $1.string } }
}

extension PubSubNode: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:pubsub"
    /// What is as here is not stored. It must never change.
    private static let base = NodeConfiguration()

    init?(stored element: Element) {
        guard let name = element["name"], let created = element["created"].flatMap({ Timestamp($0) }) else {
            return nil
        }
        var configuration = Self.base
        var affiliations: [JID: Affiliation] = [:]
        for child in element.children {
            if child.hasName("field"), let name = child["var"] {
                do throws(StanzaError) {
                    try configuration.restore(name, child.children.map(\.text))
                } catch {
                    // The value is damaged, which whoever reads it reports.
                    return nil
                }
            } else if child.hasName("affiliation"), let jid = child["jid"].flatMap({ JID($0) }) {
                affiliations[jid] = child["affiliation"].flatMap(Affiliation.init)
            }
        }
        self.init(
            name: name, configuration: configuration, affiliations: affiliations, created: created,
            creator: element["creator"].flatMap { JID($0) })
    }

    func write(to writer: inout XMLWriter) {
        writer.start("node", Self.namespace)
        writer.attribute("name", name)
        writer.attribute("created", created.xep0082)
        writer.attribute("creator", creator?.string)
        for (name, values) in configuration.differences(from: Self.base) {
            writer.element("field", nil, ["var": name]) { writer in
                for value in values { writer.element("value", text: value) }
            }
        }
        for (jid, affiliation) in affiliations.sorted(by: { $0.key.string < $1.key.string }) {
            writer.element("affiliation", nil, ["jid": jid.string, "affiliation": affiliation.rawValue])
        }
        writer.end()
    }
}

/// An item as it is stored, under its id.
struct PubSubItem: Sendable {
    /// Who has published it; nil: the server.
    let publisher: JID?
    let time: Timestamp
    let payload: Element?
}

extension PubSubItem: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:pubsub#item"

    init?(stored element: Element) {
        guard let time = element["at"].flatMap({ Timestamp($0) }) else { return nil }
        self.init(publisher: element["publisher"].flatMap { JID($0) }, time: time, payload: element.firstChild)
    }

    func write(to writer: inout XMLWriter) {
        writer.start("item", Self.namespace)
        writer.attribute("at", time.xep0082)
        writer.attribute("publisher", publisher?.string)
        if let payload { writer.copy(payload) }
        writer.end()
    }
}

/// How much a node holds, as it is stored. It may tell more than there is, as items also go by their age.
struct NodeUsage: Sendable, Equatable {
    var items = 0
    var bytes = 0
}

extension NodeUsage: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:pubsub#usage"

    init?(stored element: Element) {
        guard let items = element["items"].flatMap({ Int($0) }), let bytes = element["bytes"].flatMap({ Int($0) })
        else { return nil }
        self.init(items: items, bytes: bytes)
    }

    func write(to writer: inout XMLWriter) {
        writer.start("usage", Self.namespace)
        writer.attribute("items", items)
        writer.attribute("bytes", bytes)
        writer.end()
    }
}

/// That an item is there, in the order in which items were made.
struct ItemMark: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:pubsub#mark"

    init() {}
    init?(stored element: Element) {}

    func write(to writer: inout XMLWriter) { writer.element("mark", Self.namespace) }
}
