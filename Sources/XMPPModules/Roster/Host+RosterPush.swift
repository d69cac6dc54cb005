import XMPPServer

extension Host {
    /// Pushes a roster change to the account's interested sessions, RFC 6121 §2.1.6, and to components with that
    /// privilege. An invisible change is not pushed.
    func pushRoster(_ change: RosterChange?, of record: AccountRecord) {
        guard let change else { return }
        let isShown = change.item?.isShown ?? false
        guard isShown || change.former?.isShown ?? false else { return }
        if let item = change.item, let former = change.former, item.looksLike(former) { return }
        for session in record.sessions where session.has(Rosters.wantsRoster) {
            let version = session.has(Rosters.hasRosterVersions) ? change.version : nil
            session.send(.iq) { Self.write(change, version, from: nil, to: session.jid, to: &$0) }
        }
        for component in configuration.components where component.privileges.rosterPush {
            guard let address = JID(local: nil, domain: component.domain, resource: nil) else { continue }
            router.send(from: record.jid, to: address, at: self) {
                Self.write(change, nil, from: record.jid, to: address, to: &$0)
            }
        }
    }

    private static func write(
        _ change: RosterChange, _ version: String?, from: JID?, to: JID, to writer: inout XMLWriter
    ) {
        writer.start("iq", .client)
        writer.attribute("type", "set" as StaticString)
        writer.attribute("id", "push-\(change.version)")
        writer.attribute("from", from?.string)
        writer.attribute("to", to.string)
        writer.start("query", .roster)
        writer.attribute("ver", version)
        if let item = change.item, item.isShown {
            item.write(to: &writer)
        } else {
            writer.element("item", .roster, ["jid": change.jid.string, "subscription": "remove"])
        }
        writer.end()
        writer.end()
    }
}
