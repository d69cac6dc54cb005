import XMPPServer

extension RosterItem {
    /// Whether the roster shows both items alike: an invitation that waits for an answer is not to be seen.
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

extension AccountRecord {
    /// Tells all sessions that have asked for the roster of a change, RFC 6121 §2.1.6. What looks as before
    /// is nobody's news.
    func push(_ change: RosterChange?) {
        guard let change else { return }
        let isShown = change.item?.isShown ?? false
        guard isShown || change.former?.isShown ?? false else { return }
        if let item = change.item, let former = change.former, item.looksLike(former) { return }
        for session in sessions where session.has(Rosters.wantsRoster) {
            session.send(.iq) { writer in
                writer.start("iq", .client)
                writer.attribute("type", "set" as StaticString)
                writer.attribute("id", "push-\(change.version)")
                writer.attribute("to", session.jid.string)
                writer.start("query", .roster)
                if session.has(Rosters.hasRosterVersions) { writer.attribute("ver", change.version) }
                if let item = change.item, isShown {
                    item.write(to: &writer)
                } else {
                    writer.element("item", .roster, ["jid": change.jid.string, "subscription": "remove"])
                }
                writer.end()
                writer.end()
            }
        }
    }
}
