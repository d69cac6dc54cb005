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
    /// The public subscribers of a node, for whoever may read it. The others are named neither as the bounds of a page nor by an
    /// error when a page is to begin with them.
    func publicSubscribers(
        of target: String, _ selection: Selection, at home: NodeHome, for jid: JID
    ) async throws(StanzaError) -> Reply {
        let entry = try await existing(target, home)
        if let error = try await access(of: jid, to: entry.node, home).readError { throw error }
        let now = host.now()
        let isShown = { (item: MapItem<NodeSubscription>) in
            item.value.isPublic && item.value.state == .subscribed && item.expiresAt.map { $0 > now } ?? true
        }
        let map = subscriptionsMap(home, target)
        switch selection.page.place {
        case .first, .last: break
        case .after(let key), .before(let key):
            let named = try await stored { () async throws(StorageError) in
                try await subscriptions.items(map, keys: [key])
            }
            guard named.contains(where: isShown) else { throw .itemNotFound }
        }
        let isBackward = selection.page.isBackward
        let limit = min(selection.page.maximum ?? Self.pageLimit, Self.pageLimit)
        var found: [MapItem<NodeSubscription>] = []
        var position = selection.page.position
        // One more tells that there are more.
        while found.count <= limit {
            let query = MapQuery(map, position: position, limit: Self.pageLimit)
            let page = try await stored { () async throws(StorageError) in try await subscriptions.page(query) }
            guard let page else { throw .itemNotFound }
            let shown = page.items.filter(isShown)
            found = isBackward ? shown + found : found + shown
            guard page.items.count == Self.pageLimit, let edge = isBackward ? page.items.first : page.items.last
            else { break }
            position = isBackward ? .before(edge.key) : .after(edge.key)
        }
        let isPaged = found.count > limit || selection.page.maximum != nil
        let listed = Array(isBackward ? found.suffix(limit) : found.prefix(limit))
        return .result { writer in
            writer.element("pubsub", .pubSub) { writer in
                writer.element("items", nil, ["node": selection.node]) { writer in
                    for item in listed {
                        writer.element("item", nil, ["id": item.value.id]) {
                            $0.element("subscriber", PublicSubscriptions.namespace, ["jid": item.value.jid.string])
                        }
                    }
                }
                guard isPaged else { return }
                ResultSet.write(first: listed.first?.key, last: listed.last?.key, count: nil, to: &writer)
            }
        }
    }
}
