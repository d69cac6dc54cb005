import XMPPServer

/// XEP-0465: who has subscribed to a node and lets everybody know, as the items of another node. That node cannot be changed.
enum PublicSubscriptions {
    static let namespace: Namespace = "urn:xmpp:pps:0"
    private static let prefix = "urn:xmpp:pps:"
    private static let subscribers = "urn:xmpp:pps:subscribers:0/"

    /// Whether a node is the server's own, so that nobody may change it.
    static func isReserved(_ node: String) -> Bool { node.hasPrefix(prefix) }

    /// The node whose subscribers are the items of this one; nil: it is no such node.
    static func target(of node: String) -> String? {
        node.hasPrefix(subscribers) ? String(node.dropFirst(subscribers.count)) : nil
    }
}

extension PubSubEngine {
    /// The public subscribers of a node, for whoever may read it. A page of them is a page of all subscribers, without the others.
    func publicSubscribers(
        of target: String, _ selection: Selection, at home: NodeHome, for jid: JID
    ) async throws(StanzaError) -> Reply {
        let entry = try await existing(target, home)
        if let error = try await access(of: jid, to: entry.node, home).readError { throw error }
        let position: MapQuery.Position =
            switch selection.page.place {
            case .first: .first
            case .last: .last
            case .after(let key): .after(key)
            case .before(let key): .before(key)
            }
        let query = MapQuery(
            subscriptionsMap(home, target), position: position,
            limit: min(selection.page.maximum ?? Self.pageLimit, Self.pageLimit))
        let page = try await stored { () async throws(StorageError) in try await subscriptions.page(query) }
        guard let page else { throw .itemNotFound }
        let now = host.now()
        let shown = page.items.filter { item in
            item.value.isPublic && item.value.state == .subscribed && item.expiresAt.map { $0 > now } ?? true
        }
        return .result { writer in
            writer.element("pubsub", .pubSub) { writer in
                writer.element("items", nil, ["node": selection.node]) { writer in
                    for item in shown {
                        writer.element("item", nil, ["id": item.value.id]) {
                            $0.element("subscriber", PublicSubscriptions.namespace, ["jid": item.value.jid.string])
                        }
                    }
                }
                guard page.items.count >= query.limit else { return }
                ResultSet.write(first: page.items.first?.key, last: page.items.last?.key, count: nil, to: &writer)
            }
        }
    }
}
