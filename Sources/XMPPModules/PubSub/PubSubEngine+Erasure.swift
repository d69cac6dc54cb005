import NIOCore
import XMPPServer

/// What a service knows of an account that is removed.
extension PubSubEngine {
    /// What has to be stored so that nothing at a service is about an account any more: its subscriptions and affiliations, and the
    /// nodes that it alone has owned.
    func changes(forgetting jid: JID, _ home: NodeHome) async throws(StorageError) -> [StorageChange] {
        var changes: [StorageChange] = []
        var position = MapQuery.Position.first
        while true {
            let query = MapQuery(relationsMap(home, jid), order: .byKey(), position: position, limit: Self.listed)
            guard let page = try await relations.page(query), let last = page.items.last else { return changes }
            for item in page.items {
                switch item.value {
                case .subscription(var subscription):
                    guard let node = Self.node(ofSubscription: item.key) else { continue }
                    subscription.state = .none
                    changes += self.changes(putting: subscription, to: node, home)
                case .affiliation:
                    changes += try await self.changes(
                        ending: String(item.key.dropFirst(Self.affiliationPrefix.count)), of: jid, home)
                }
            }
            guard page.items.count == Self.listed else { return changes }
            position = .after(last.key)
        }
    }

    /// Which node a subscription is to, by its key among what an entity has to do with.
    static func node(ofSubscription key: String) -> String? {
        key.lastIndex(of: "\u{1}").map { String(key[..<$0].dropFirst(subscriptionPrefix.count)) }
    }

    private func changes(
        ending name: String, of jid: JID, _ home: NodeHome
    ) async throws(StorageError) -> [StorageChange] {
        guard var node = try await nodes.get(nodesMap(home), key: name) else {
            return [putting(.none, of: jid, to: name, home)]
        }
        guard node.owners == [jid.bare] else {
            node.affiliations[jid.bare] = nil
            return [
                putting(.none, of: jid, to: name, home),
                nodes.putting(node, nodesMap(home), key: name, keepsPlace: true),
            ]
        }
        var changes = self.changes(removing: node, home)
        changes.append(.removeMap(subscriptionsMap(home, name)))
        var position = MapQuery.Position.first
        while true {
            let query = MapQuery(subscriptionsMap(home, name), position: position, limit: Self.listed)
            guard let page = try await subscriptions.page(query), let last = page.items.last else { return changes }
            for item in page.items {
                let (map, key) = relation(of: item.value.jid, to: name, home)
                changes.append(.removeItem(map, key: key))
            }
            position = .after(last.key)
        }
    }

    // MARK: Export

    /// Writes an account's nodes into the portable format, XEP-0227 §4.9: how they are configured, then what is in them.
    static func export(
        _ owner: JID, _ storage: any MapStorage & CommitQueue, _ write: (ByteBuffer) async throws -> Void
    ) async throws {
        let nodes = MapStore<PubSubNode>(nodesStore, in: storage)
        let items = MapStore<PubSubItem>(itemsStore, in: storage)
        let subscriptions = MapStore<NodeSubscription>(subscriptionsStore, in: storage)
        try await write(ByteBuffer(string: "<pubsub xmlns=\"\(Namespace.pubSubOwner.name)\">"))
        try await forEach(nodes, nodes.map(allNodes, of: owner)) { _, node in
            var writer = XMLWriter(contentNamespace: .pubSubOwner)
            writer.element("configure", nil, ["node": node.name]) {
                FormField.write(
                    node.configuration.fields, about: PubSubRequest.configurationForm.name, "form", to: &$0)
            }
            if !node.affiliations.isEmpty {
                writer.element("affiliations", nil, ["node": node.name]) { writer in
                    for (jid, affiliation) in node.affiliations.sorted(by: { $0.key.string < $1.key.string }) {
                        writer.element("affiliation", nil, ["jid": jid.string, "affiliation": affiliation.rawValue])
                    }
                }
            }
            var subscribers: [NodeSubscription] = []
            try await forEach(subscriptions, subscriptions.map(node.name, of: owner)) { subscribers.append($1) }
            if !subscribers.isEmpty {
                writer.element("subscriptions", nil, ["node": node.name]) { writer in
                    for subscription in subscribers { Self.write(subscription, to: nil, &writer) }
                }
            }
            try await write(writer.finish())
        }
        try await write(ByteBuffer(string: "</pubsub>\n<pubsub xmlns=\"\(Namespace.pubSub.name)\">"))
        try await forEach(nodes, nodes.map(allNodes, of: owner)) { _, node in
            var writer = XMLWriter(contentNamespace: .pubSub)
            writer.start("items")
            writer.attribute("node", node.name)
            try await write(writer.finish())
            try await forEach(items, items.map(node.name, of: owner)) { id, item in
                var writer = XMLWriter(contentNamespace: .pubSub)
                writer.start("item")
                writer.attribute("id", id)
                writer.attribute("publisher", item.publisher?.bare.string)
                if let payload = item.payload { writer.copy(payload) }
                writer.end()
                try await write(writer.finish())
            }
            try await write(ByteBuffer(string: "</items>"))
        }
        try await write(ByteBuffer(string: "</pubsub>\n"))
    }

    private static func forEach<Value: StoredValue>(
        _ store: MapStore<Value>, _ map: MapName, _ body: (String, Value) async throws -> Void
    ) async throws {
        var position = MapQuery.Position.first
        while let page = try await store.page(MapQuery(map, position: position, limit: 200, byteLimit: 1 << 20)),
            let last = page.items.last
        {
            for item in page.items { try await body(item.key, item.value) }
            position = .after(last.key)
        }
    }
}
