import XML
import XMPP

/// The stamp of a stanza that comes later than it was sent, XEP-0203.
extension StanzaContext {
    /// Says when the stanza came.
    mutating func stamp(_ time: Timestamp) {
        let from = host.domain
        append { $0.element("delay", .delay, ["from": from, "stamp": time.xep0082]) }
    }

    /// Takes off the stamp that the account's host has given the stanza before.
    mutating func takeStamp() -> Timestamp? {
        let domain = host.domain
        guard let time = Self.stamp(of: stanza.element, by: domain) else { return nil }
        strip { Self.isStamp($0, by: domain) }
        return time
    }

    /// The stamp that a host has given a stanza.
    static func stamp(of stanza: Element, by domain: String) -> Timestamp? {
        stanza.children.first { isStamp($0, by: domain) }?["stamp"].flatMap { Timestamp($0) }
    }

    private static func isStamp(_ child: Element, by domain: String) -> Bool {
        child.isNamed("delay", .delay) && child["from"] == domain
    }
}
