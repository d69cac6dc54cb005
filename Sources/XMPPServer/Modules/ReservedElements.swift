import XML
import XMPP

/// Elements of messages and presence that only the server may add.
struct ReservedElements: Sendable {
    struct Rule: Sendable {
        let namespace: Namespace
        let isForged: @Sendable (_ child: Element, _ from: JID) -> Bool
    }

    private(set) var rules: [Rule] = []
    private(set) var namespaces: [Namespace] = []

    mutating func add(_ added: [Rule]) {
        rules += added
        for rule in added where !namespaces.contains(rule.namespace) { namespaces.append(rule.namespace) }
    }
}
