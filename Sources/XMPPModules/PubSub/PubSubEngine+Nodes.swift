import XMPPServer

/// Nodes that are made, configured, emptied and deleted: XEP-0060 §8.
extension PubSubEngine {
    /// A node that does not exist yet, and what has to be stored for it.
    ///
    /// - Parameters:
    ///   - form: what is not to be as usual.
    ///   - creator: nil: the server, which owns no node of a service but may make one.
    func newNode(
        _ name: String, _ form: DataForm?, _ home: NodeHome, creator: JID?
    ) async throws(StanzaError) -> (NodeDirectory.Entry, [StorageChange]) {
        var configuration = defaults
        if let form { try configuration.apply(form, maximumItems: limits.items) }
        var node = PubSubNode(name: name, configuration: configuration, created: host.now(), creator: creator?.bare)
        var changes: [StorageChange] = []
        if home.account != nil {
            guard try await all(home).count < limits.nodes else { throw Self.tooManyNodes }
        } else if let creator = creator?.bare {
            node.affiliations[creator] = .owner
            changes = putting(.owner, of: creator, to: name, home) + [putting(creator: creator, of: name, home)]
        }
        // Of a former node, whose end has been cut short.
        let isEnding = try await stored { () async throws(StorageError) in
            try await nodes.get(endingMap(home), key: name) != nil
        }
        if isEnding { try await removeSubscriptions(of: name, home) }
        changes.append(nodes.putting(node, nodesMap(home), key: name))
        return (NodeDirectory.Entry(node: node, usage: NodeUsage(), last: .missing), changes)
    }

    private static let tooManyNodes = StanzaError(
        .resourceConstraint, detail: NodeAccess.detail("max-nodes-exceeded"))

    /// Stores a new node of a service, if its creator may make another one. Whoever has made a node may have passed it on since: it
    /// counts until it is deleted.
    private func commit(
        _ changes: [StorageChange], creating node: PubSubNode, _ home: NodeHome
    ) async throws(StanzaError) {
        guard home.account == nil, let creator = node.creator else { return try await commit(changes) }
        try await entityTurns.run(for: creator.bare) { () async throws(StanzaError) in
            guard !isLeaving(creator) else { throw .forbidden }
            let (known, generation) = home.directory.creations(of: creator)
            let count: Int
            if let known {
                count = known
            } else {
                let query = MapQuery(
                    relationsMap(home, creator), order: .byKey(prefix: Self.creationPrefix), limit: 0, isCounted: true)
                let page = try await stored { () async throws(StorageError) in try await relations.page(query) }
                count = page?.count ?? 0
            }
            guard count < limits.nodes else { throw Self.tooManyNodes }
            try await commit(changes)
            home.directory.note(creations: count + 1, of: creator, at: generation)
        }
    }

    // MARK: What an entity has to do with

    static let affiliationPrefix = "a\u{1}"
    static let subscriptionPrefix = "s\u{1}"
    static let creationPrefix = "c\u{1}"

    func relationsMap(_ home: NodeHome, _ entity: JID) -> MapName {
        relations.map(entity.bare.string, of: home.owner)
    }

    func putting(_ affiliation: Affiliation, of entity: JID, to node: String, _ home: NodeHome) -> [StorageChange] {
        putting(affiliation == .none ? nil : .affiliation(affiliation), of: entity, Self.affiliationPrefix + node, home)
    }

    /// What has to be stored for what an entity has to do with, under a key. At an account's node it is noted at the entity's own host
    /// as well, so that its removal finds it.
    ///
    /// - Parameter relation: nil: it has nothing to do with it any more.
    func putting(
        _ relation: EntityRelation?, of entity: JID, _ key: String, _ home: NodeHome, expiresAt: Timestamp? = nil
    ) -> [StorageChange] {
        var places = [(map: relationsMap(home, entity), key: key, value: relation)]
        if home.account != nil, let host = host.router.hosts[of: entity] {
            places.append(
                (notesMap(of: entity, at: host), Self.note(of: home.address, key), relation.map { _ in .note }))
        }
        return places.map { map, key, value in
            guard let value else { return .removeItem(map, key: key) }
            return relations.putting(value, map, key: key, expiresAt: expiresAt, keepsPlace: true)
        }
    }

    func putting(creator: JID, of node: String, _ home: NodeHome) -> StorageChange {
        relations.putting(.creation, relationsMap(home, creator), key: Self.creationPrefix + node)
    }

    func removing(creator: JID, of node: String, _ home: NodeHome) -> StorageChange {
        home.directory.forgetCreations(of: creator)
        return .removeItem(relationsMap(home, creator), key: Self.creationPrefix + node)
    }

    // MARK: Owners

    /// The node, for one of its owners.
    ///
    /// - Parameter jid: nil: the server, which may do what owners may.
    /// - Throws: `forbidden` for everybody else; `item-not-found` if there is no such node.
    func owned(_ name: String, _ home: NodeHome, by jid: JID?) async throws(StanzaError) -> NodeDirectory.Entry {
        let entry = try await existing(name, home)
        if let jid, affiliation(of: jid, to: entry.node, home) != .owner { throw .forbidden }
        return entry
    }

    /// §8.1
    func create(_ name: String?, _ form: DataForm?, at home: NodeHome, by creator: JID) async -> Reply {
        let isInstant = name == nil
        let name = name ?? SecureRandom.text(length: 16)
        return await changing(name, home) { () async throws(StanzaError) -> Reply in
            guard home.account == nil || home.isOwned(by: creator) else { throw .forbidden }
            guard try await entry(name, home) == nil else { throw .conflict }
            let (entry, changes) = try await newNode(name, form, home, creator: creator)
            try await commit(changes, creating: entry.node, home)
            home.directory.put(entry)
            guard isInstant else { return .ok }
            return .result { $0.element("pubsub", .pubSub) { $0.element("create", nil, ["node": name]) } }
        }
    }

    /// §8.2.1
    func configuration(of name: String, at home: NodeHome, for jid: JID) async -> Reply {
        do throws(StanzaError) {
            let fields = try await owned(name, home, by: jid).node.configuration.fields
            return .result { writer in
                writer.element("pubsub", .pubSubOwner) { writer in
                    writer.element("configure", nil, ["node": name]) {
                        FormField.write(fields, about: PubSubRequest.configurationForm.name, "form", to: &$0)
                    }
                }
            }
        } catch {
            return .error(error)
        }
    }

    /// §8.3
    var defaultConfiguration: Reply {
        .result { [defaults] writer in
            writer.element("pubsub", .pubSubOwner) { writer in
                writer.element("default") {
                    FormField.write(defaults.fields, about: PubSubRequest.configurationForm.name, "form", to: &$0)
                }
            }
        }
    }

    /// §8.2.4
    func configure(_ name: String, _ form: DataForm, at home: NodeHome, by jid: JID) async -> Reply {
        await changing(name, home) { () async throws(StanzaError) -> Reply in
            var entry = try await owned(name, home, by: jid)
            let former = entry.node.configuration
            try entry.node.configuration.apply(form, maximumItems: limits.items)
            let configuration = entry.node.configuration
            guard configuration != former else { return .ok }
            var changes = [nodes.putting(entry.node, nodesMap(home), key: name, keepsPlace: true)]
            changes += try await fit(&entry, after: former, home)
            try await commit(changes)
            entry.last = nil
            home.directory.put(entry)
            guard configuration.notifiesConfiguration else { return .ok }
            await notify(entry.node, home) { writer in
                writer.element("configuration", nil, ["node": name]) { writer in
                    guard configuration.deliversPayloads else { return }
                    FormField.write(
                        configuration.fields, about: PubSubRequest.configurationForm.name, "result", to: &writer)
                }
            }
            return .ok
        }
    }

    /// What has to change with items that do not fit the node any more.
    private func fit(
        _ entry: inout NodeDirectory.Entry, after former: NodeConfiguration, _ home: NodeHome
    ) async throws(StanzaError) -> [StorageChange] {
        let configuration = entry.node.configuration
        let (itemsMap, marksMap) = (itemsMap(home, entry.node.name), marksMap(home, entry.node.name))
        if !configuration.persistsItems {
            entry.usage = NodeUsage()
            return [
                .removeMap(itemsMap), .removeMap(marksMap),
                usage.putting(entry.usage, usageMap(home), key: entry.node.name),
            ]
        }
        let maximum = maximum(configuration)
        var changes: [StorageChange] = []
        if entry.usage.items > maximum { entry.usage = try await counted(entry, home) }
        let excess = entry.usage.items - maximum
        if excess > 0 {
            let query = MapQuery(itemsMap, limit: excess)
            let page = try await stored { () async throws(StorageError) in try await items.page(query) }
            for item in page?.items ?? [] {
                changes += [.removeItem(itemsMap, key: item.key), .removeItem(marksMap, key: item.key)]
                entry.usage.items -= 1
                entry.usage.bytes -= Self.size(item)
            }
            changes.append(usage.putting(entry.usage, usageMap(home), key: entry.node.name, keepsPlace: true))
        }
        // A node for one item keeps no order.
        if maximum == 1, self.maximum(former) > 1 { changes.append(.removeMap(marksMap)) }
        if maximum > 1, self.maximum(former) == 1 {
            let query = MapQuery(itemsMap, limit: 1)
            let page = try await stored { () async throws(StorageError) in try await items.page(query) }
            for item in page?.items ?? [] {
                changes.append(
                    marks.putting(ItemMark(), marksMap, key: item.key, expiresAt: item.expiresAt, keepsPlace: true))
            }
        }
        return changes
    }

    /// §8.4
    ///
    /// - Parameter jid: nil: the server, which may.
    func delete(_ name: String, redirect: String?, at home: NodeHome, by jid: JID?) async -> Reply {
        await changing(name, home) { () async throws(StanzaError) -> Reply in
            let entry = try await owned(name, home, by: jid)
            let query = MapQuery(subscriptionsMap(home, name), limit: 1)
            let first = try await stored { () async throws(StorageError) in try await subscriptions.page(query) }
            let hasSubscribers = first?.items.isEmpty == false
            // Its subscriptions end afterwards, some at a time, even if that is cut short.
            try await commit(
                changes(removing: entry.node, home) + (hasSubscribers ? [noting(ending: entry.node, home)] : []))
            home.directory.remove(name)
            if entry.node.configuration.notifiesDeletion {
                await notify(entry.node, home) { writer in
                    writer.element("delete", nil, ["node": name]) { writer in
                        if let redirect { writer.element("redirect", nil, ["uri": redirect]) }
                    }
                }
            }
            tell(.deleted, name, home, jid)
            if hasSubscribers { await endSubscriptions(of: name, home) }
            return .ok
        }
    }

    /// What has to be stored for a node's end; its subscriptions are beside this.
    func changes(removing node: PubSubNode, _ home: NodeHome) -> [StorageChange] {
        [
            .removeItem(nodesMap(home), key: node.name), .removeItem(usageMap(home), key: node.name),
            .removeMap(itemsMap(home, node.name)), .removeMap(marksMap(home, node.name)),
        ] + node.affiliations.keys.flatMap { putting(.none, of: $0, to: node.name, home) }
            + [node.creator].compactMap(\.self).map { removing(creator: $0, of: node.name, home) }
    }

    /// §8.5
    ///
    /// - Parameter jid: nil: the server, which may.
    func purge(_ name: String, at home: NodeHome, by jid: JID?) async -> Reply {
        await changing(name, home) { () async throws(StanzaError) -> Reply in
            var entry = try await owned(name, home, by: jid)
            guard entry.node.configuration.persistsItems else { throw .unsupported("persistent-items") }
            entry.usage = NodeUsage()
            entry.last = .missing
            try await commit([
                .removeMap(itemsMap(home, name)), .removeMap(marksMap(home, name)),
                usage.putting(entry.usage, usageMap(home), key: name, keepsPlace: true),
            ])
            home.directory.put(entry)
            if entry.node.configuration.notifiesRetraction {
                await notify(entry.node, home) { $0.element("purge", nil, ["node": name]) }
            }
            tell(.purged, name, home, jid)
            return .ok
        }
    }
}

extension StanzaError {
    /// The service does not do that, XEP-0060 §13.
    static func unsupported(_ feature: String) -> StanzaError {
        StanzaError(.featureNotImplemented, detail: .init("unsupported", .pubSubErrors, feature: feature))
    }
}
