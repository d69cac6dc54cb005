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
        let page = try await host.page(
            selection.page, of: subscriptionsMap(home, target), in: subscriptions, order: .byPlace,
            atMost: Self.pageLimit
        ) { item in
            item.value.isPublic && item.value.state == .subscribed && item.expiresAt.map { $0 > now } ?? true
        }
        return .result { writer in
            writer.element("pubsub", .pubSub) { writer in
                writer.element("items", nil, ["node": selection.node]) { writer in
                    for item in page.items {
                        writer.element("item", nil, ["id": item.value.id]) {
                            $0.element("subscriber", PublicSubscriptions.namespace, ["jid": item.value.jid.string])
                        }
                    }
                }
                page.write(to: &writer)
            }
        }
    }
}
