import XMPPServer

/// Who is told of what happens at a node, and why somebody is not: by the rules that notifications go by, as things are now.
extension PubSubEngine {
    /// One address, and whether it is told.
    struct Told: CommandRecord {
        let address: JID
        let way: String
        /// nil: it is told.
        let silence: NotificationSilence?

        static let columns: [CommandColumn<Told>] = [
            .text("address", "address", shape: .address) { $0.address.string },
            .text("by", "by") { $0.way },
            .boolean("told", "told") { $0.silence == nil },
            .text("because", "because") { $0.silence?.rawValue },
        ]
        static let none = "This address has nothing to do with the node."
    }

    /// Whether somebody, with each of its clients, is told of what happens at a node.
    func told(_ reader: JID, of name: String, at home: NodeHome) async throws(StanzaError) -> [Told] {
        let node = try await existing(name, home).node
        let off = node.configuration.delivers ? nil : NotificationSilence.off
        let byPresence = home.account.map { toldByPresence(reader.bare, of: node, $0) } ?? []
        var told = byPresence.map { Told(address: $0.address, way: "presence", silence: off ?? $0.silence) }
        let isReached = byPresence.contains { $0.silence == nil }
        let (owners, now) = (try await owners(of: node, home), host.now())
        for item in try await relations(of: reader, prefix: "\(Self.subscriptionPrefix)\(name)\u{1}", home) {
            // Whoever is told because of presence is not told once more.
            guard case .subscription(let subscription) = item.value, !isReached else { continue }
            let item = MapItem(key: item.key, value: subscription, expiresAt: item.expiresAt)
            let silence = silence(towards: item, of: node, home, owners, now)
            told.append(Told(address: subscription.jid, way: "subscription", silence: off ?? silence))
        }
        if told.isEmpty { told.append(Told(address: reader, way: "subscription", silence: off ?? .notSubscribed)) }
        return told
    }

    private func toldByPresence(
        _ reader: JID, of node: PubSubNode, _ account: AccountRecord
    ) -> [(address: JID, silence: NotificationSilence?)] {
        if !reader.isSameBare(as: account.jid), let silence = silence(towards: reader, of: node, account) {
            return [(reader, silence)]
        }
        if let record = host.router.hosts.cachedAccount(reader) {
            if record.blocks(account.jid) { return [(reader, .blocksAccount)] }
            let interested = Set(ClientCapabilities.sessions(of: record, interestedIn: node.name).map(\.jid))
            let sessions = record.sessions.map { session in
                let silence: NotificationSilence = session.isAvailable ? .notInterested : .offline
                return (session.jid, interested.contains(session.jid) ? nil : silence)
            }
            return sessions.isEmpty ? [(reader, .offline)] : sessions
        }
        if case .account = host.router.hosts.recipient(of: reader) { return [(reader, .offline)] }
        let elsewhere = ClientCapabilities.contacts(of: account, interestedIn: node.name)
            .filter { $0.isSameBare(as: reader) }
        return elsewhere.isEmpty ? [(reader, .notInterested)] : elsewhere.map { ($0, nil) }
    }
}
