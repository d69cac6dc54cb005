import XMPPServer

extension RosterItem {
    /// Whether both items look the same in a roster; a pending subscription request is invisible.
    func looksLike(_ other: RosterItem) -> Bool {
        isShown == other.isShown && isApproved == other.isApproved && name == other.name && groups == other.groups
            && state.asks == other.state.asks && state.hasTo == other.state.hasTo
            && state.hasFrom == other.state.hasFrom
    }

    /// Writes the item as in a roster result or push, RFC 6121 §2.1.2.
    func write(to writer: inout XMLWriter) {
        writer.start("item", .roster)
        if isApproved { writer.attribute("approved", "true" as StaticString) }
        if state.asks { writer.attribute("ask", "subscribe" as StaticString) }
        writer.attribute("jid", jid.string)
        if let name { writer.attribute("name", name) }
        writer.attribute("subscription", state.subscription)
        for group in groups { writer.element("group", text: group) }
        writer.end()
    }
}
