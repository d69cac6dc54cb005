import NIOCore
import XMPPServer

/// What a service knows of an account that is removed.
extension PubSubEngine {
    /// What has to be stored so that nothing at the host's service is about an account any more, and nothing elsewhere about what has
    /// to do with its nodes. Changes that the account has begun have ended then, and what concerns it is not changed until its removal
    /// has ended. What it has to do with at other accounts' nodes ends now.
    static func changes(forgetting account: JID, at host: Host) async throws(StorageError) -> [StorageChange] {
        let engine = host.personalEventing?.engine ?? PubSubEngine(host: host, limits: .none, defaults: .personal)
        try await engine.endRelations(of: account)
        return try await changesAtService(forgetting: account, at: host) + engine.changes(forgettingNotesWith: account)
    }

    private static func changesAtService(
        forgetting account: JID, at host: Host
    ) async throws(StorageError) -> [StorageChange] {
        if let pep = host.personalEventing, let record = host.accounts.cached(account) {
            await pep.engine.drain(pep.engine.home(of: record))
        }
        if let service = host.module(PubSub.self), let home = service.home {
            await service.engine.drain(home)
            return try await service.engine.changes(forgetting: account, home)
        }
        let engine = PubSubEngine(host: host, limits: .none, defaults: .service)
        return try await engine.changes(forgetting: account, .service(of: host, at: host.jid, NodeDirectory()))
    }

    /// An account's subscriptions and affiliations end, and so do nodes that it alone has owned. Others that it has made count for
    /// one of their owners.
    private func changes(forgetting jid: JID, _ home: NodeHome) async throws(StorageError) -> [StorageChange] {
        var changes: [StorageChange] = []
        var names: Set<String> = []
        var position = MapQuery.Position.first
        while true {
            let query = MapQuery(relationsMap(home, jid), order: .byKey(), position: position, limit: Self.listed)
            guard let page = try await relations.page(query), let last = page.items.last else { break }
            for item in page.items {
                switch item.value {
                case .subscription(var subscription):
                    guard let node = Self.node(ofSubscription: item.key) else { continue }
                    subscription.state = .none
                    changes += self.changes(putting: subscription, to: node, home)
                case .affiliation: names.insert(String(item.key.dropFirst(Self.affiliationPrefix.count)))
                case .creation: names.insert(String(item.key.dropFirst(Self.creationPrefix.count)))
                case .note: changes.append(.removeItem(relationsMap(home, jid), key: item.key))
                }
            }
            guard page.items.count == Self.listed else { break }
            position = .after(last.key)
        }
        for name in names.sorted() { changes += try await self.changes(ending: name, of: jid.bare, home) }
        return changes
    }

    /// Which node a subscription is to, by its key among what an entity has to do with.
    static func node(ofSubscription key: String) -> String? {
        key.lastIndex(of: "\u{1}").map { String(key[..<$0].dropFirst(subscriptionPrefix.count)) }
    }

    private func changes(
        ending name: String, of jid: JID, _ home: NodeHome
    ) async throws(StorageError) -> [StorageChange] {
        let forgotten = putting(.none, of: jid, to: name, home) + [removing(creator: jid, of: name, home)]
        guard var node = try await nodes.get(nodesMap(home), key: name) else { return forgotten }
        guard node.owners != [jid] else { return changes(removing: node, home) + [noting(ending: node, home)] }
        node.affiliations[jid] = nil
        var changes = forgotten
        if node.creator == jid {
            node.creator = node.owners.first
            if let heir = node.creator {
                changes.append(putting(creator: heir, of: name, home))
                home.directory.forgetCreations(of: heir)
            }
        }
        return changes + [nodes.putting(node, nodesMap(home), key: name, keepsPlace: true)]
    }

    // MARK: At accounts' nodes

    private static let notePrefix = "n\u{1}"

    /// What is noted at an entity's host of what it has to do with at accounts' nodes: among what it has to do with at the host's service.
    func notesMap(of entity: JID, at host: Host) -> MapName { relations.map(entity.bare.string, of: host.jid) }

    /// The key of a note: whose nodes they are, and the key there. A name of a node has no such character.
    static func note(of owner: JID, _ key: String) -> String { "\(notePrefix)\(owner.string)\u{1}\(key)" }

    /// An account's subscriptions to other accounts' nodes and its affiliations with them end.
    private func endRelations(of account: JID) async throws(StorageError) {
        for key in try await keys(of: notesMap(of: account, at: host), prefix: Self.notePrefix) {
            let parts = key.split(separator: "\u{1}", omittingEmptySubsequences: false).map(String.init)
            guard parts.count >= 4, let owner = JID(parts[1]) else { continue }
            do throws(StanzaError) {
                try await endRelation(parts[2] + "\u{1}", of: account, parts.last ?? "", to: parts[3], at: owner)
            } catch  where error == .itemNotFound {
                // The node is gone, or goes with its owner.
            } catch {
                throw StorageError(.failed, "a relation to another account's node could not be ended")
            }
        }
    }

    private func keys(of map: MapName, prefix: String = "") async throws(StorageError) -> [String] {
        var keys: [String] = []
        while let page = try await relations.page(
            MapQuery(
                map, order: .byKey(prefix: prefix), position: keys.last.map { .after($0) } ?? .first,
                limit: Self.listed)), !page.items.isEmpty
        {
            keys += page.items.map(\.key)
        }
        return keys
    }

    private func endRelation(
        _ prefix: String, of account: JID, _ resource: String, to name: String, at owner: JID
    ) async throws(StanzaError) {
        guard case .account(let ownersHost, let owner) = host.router.hosts.recipient(of: owner),
            let engine = ownersHost.personalEventing?.engine, let record = try await engine.account(owner)
        else { return }
        let home = engine.home(of: record)
        try await engine.inTurn(of: name, home) { () async throws(StanzaError) in
            if prefix == Self.affiliationPrefix {
                var entry = try await engine.existing(name, home)
                entry.node.affiliations[account.bare] = nil
                try await engine.commit(
                    [engine.nodes.putting(entry.node, engine.nodesMap(home), key: name, keepsPlace: true)]
                        + engine.putting(.none, of: account, to: name, home))
                home.directory.put(entry)
            } else if let jid = resource.isEmpty ? account.bare : account.bare.with(resource: resource) {
                let ended = NodeSubscription(jid: jid, id: "", state: .none)
                try await engine.commit(engine.changes(putting: ended, to: name, home))
            }
        }
    }

    /// What has to be stored so that nobody's notes are about an account's nodes.
    private func changes(forgettingNotesWith account: JID) async throws(StorageError) -> [StorageChange] {
        var changes: [StorageChange] = []
        var after: String?
        while true {
            let names = try await relations.maps(of: account, after: after, atMost: Self.listed)
            for entity in names.lazy.compactMap({ JID($0) }) {
                guard let host = host.router.hosts[of: entity] else { continue }
                for key in try await keys(of: relations.map(entity.string, of: account)) {
                    changes.append(.removeItem(notesMap(of: entity, at: host), key: Self.note(of: account, key)))
                }
            }
            guard names.count == Self.listed else { return changes }
            after = names.last
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
