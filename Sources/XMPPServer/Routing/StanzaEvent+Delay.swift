import XML
import XMPP

/// The stamp of a stanza that comes later than it was sent, XEP-0203.
extension StanzaEvent {
    /// Says when the stanza came.
    mutating func stamp(_ time: Timestamp) {
        let from = host.domain
        append { $0.element("delay", .delay, ["from": from, "stamp": time.xep0082]) }
    }

    /// Takes off the stamp that the account's host has given the stanza before.
    mutating func takeStamp() -> Timestamp? {
        let domain = host.domain
        let isOwn = { (child: Element) in child.isNamed("delay", .delay) && child["from"] == domain }
        guard let stamp = stanza.element.children.first(where: isOwn)?["stamp"], let time = Timestamp(stamp) else {
            return nil
        }
        strip(where: isOwn)
        return time
    }
}
