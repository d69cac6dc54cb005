import XMPPServer

/// Items that are published.
extension PubSubEngine {
    /// What somebody publishes.
    struct Publication: Sendable {
        let node: String
        /// Without ids they are given some.
        var items: [(id: String?, payload: Element?)]
        /// What the node must be like, XEP-0060 §7.1.5.
        var options: DataForm?
    }

    static let preconditionNotMet = StanzaError(.conflict, detail: NodeAccess.detail("precondition-not-met"))

    /// Publishes in somebody's name. XEP-0060 §7.1
    ///
    /// - Parameter publisher: nil: the server, which may.
    func publish(_ publication: Publication, at home: NodeHome, by publisher: JID?) async -> Reply {
        await changing(publication.node, home) { () async throws(StanzaError) -> Reply in
            let ids = try await publish(publication, home, publisher)
            return .result { writer in
                writer.element("pubsub", .pubSub) { writer in
                    writer.element("publish", nil, ["node": publication.node]) { writer in
                        for id in ids { writer.element("item", nil, ["id": id]) }
                    }
                }
            }
        }
    }

    /// Publishes in the server's name what `make` returns, in the node's turn. What it reads is as it is then.
    ///
    /// - Parameter configuration: what the node is to be like if there is none yet.
    /// - Returns: whether something was published: `make` may return nothing.
    func publish(
        to node: String, at home: NodeHome, configuration: DataForm,
        _ make: @Sendable () async throws(StanzaError) -> [(id: String?, payload: Element?)]
    ) async throws(StanzaError) -> Bool {
        try await inTurn(of: node, home) { () async throws(StanzaError) -> Bool in
            let items = try await make()
            guard !items.isEmpty else { return false }
            let isNew = try await entry(node, home) == nil
            _ = try await publish(
                Publication(node: node, items: items, options: isNew ? configuration : nil), home, nil)
            return true
        }
    }

    private func publish(
        _ publication: Publication, _ home: NodeHome, _ publisher: JID?
    ) async throws(StanzaError) -> [String] {
        var changes: [StorageChange] = []
        var entry: NodeDirectory.Entry
        if let known = try await self.entry(publication.node, home) {
            entry = known
            if let publisher, let error = try await access(of: publisher, to: known.node, home).publishError {
                throw error
            }
            if let options = publication.options, !known.node.configuration.meets(options, maximumItems: limits.items) {
                throw Self.preconditionNotMet
            }
        } else {
            guard publisher.map(home.isOwned) ?? true else { throw .itemNotFound }
            (entry, changes) = try await newNode(publication.node, publication.options, home, creator: publisher)
        }
        let configuration = entry.node.configuration
        let items = try checked(publication.items, configuration)
        var retracted: [String] = []
        if configuration.persistsItems {
            let (stored, removed) = try await store(items, &entry, home, by: publisher)
            changes += stored
            if configuration.whenFull == .retractOldest, configuration.notifiesRetraction, maximum(configuration) > 1 {
                retracted = removed
            }
        }
        try await commit(changes)
        home.directory.put(entry)
        let published = items.map {
            (id: $0.id, item: PubSubItem(publisher: publisher, time: host.now(), payload: $0.payload))
        }
        await notify(entry.node, home, publisher: publisher) { Self.write(published, entry.node, to: &$0) }
        if !retracted.isEmpty {
            await notify(entry.node, home) { Self.write(retracted: retracted, entry.node, to: &$0) }
        }
        tell(.published(published.map { .init(id: $0.id, payload: $0.item.payload) }), entry.node.name, home, publisher)
        return items.map(\.id)
    }

    /// Whether the items are such as the node takes, §7.1.3.6. Their payloads are as they are stored.
    private func checked(
        _ items: [(id: String?, payload: Element?)], _ configuration: NodeConfiguration
    ) throws(StanzaError) -> [(id: String, payload: Element?)] {
        let isNotification = !configuration.deliversPayloads
        guard configuration.persistsItems || !isNotification || items.isEmpty else {
            throw StanzaError(.badRequest, detail: NodeAccess.detail("item-forbidden"))
        }
        guard !items.isEmpty || !configuration.persistsItems && isNotification else {
            throw StanzaError(.badRequest, detail: NodeAccess.detail("item-required"))
        }
        guard items.count <= maximum(configuration) || !configuration.persistsItems else {
            throw StanzaError(.notAllowed, detail: NodeAccess.detail("max-items-exceeded"))
        }
        var checked: [(id: String, payload: Element?)] = []
        var ids: Set<String> = []
        for (id, payload) in items {
            guard payload != nil || isNotification else {
                throw StanzaError(.badRequest, detail: NodeAccess.detail("payload-required"))
            }
            guard id?.utf8.count ?? 0 <= Self.maximumNameBytes, id != "" else { throw .policyViolation }
            let id = id ?? SecureRandom.text(length: 16)
            guard ids.insert(id).inserted else { throw .badRequest }
            let own = try payload.map(self.own)
            guard own?.byteCount ?? 0 <= configuration.maximumPayload ?? .max else {
                throw StanzaError(.notAcceptable, detail: NodeAccess.detail("payload-too-big"))
            }
            checked.append((id, own))
        }
        return checked
    }

    /// A payload with all that it needs to be understood elsewhere, as it is stored.
    private func own(_ payload: Element) throws(StanzaError) -> Element {
        var writer = XMLWriter(contentNamespace: .none)
        writer.copy(payload)
        guard let element = host.element(fromOwn: writer.finish(), "a payload") else { throw .internalServerError }
        return element
    }

    /// How many items the node keeps.
    func maximum(_ configuration: NodeConfiguration) -> Int {
        min(configuration.maximumItems ?? limits.items, limits.items)
    }

    /// What has to be stored for items, and which go for them.
    private func store(
        _ new: [(id: String, payload: Element?)], _ entry: inout NodeDirectory.Entry, _ home: NodeHome,
        by publisher: JID?
    ) async throws(StanzaError) -> (changes: [StorageChange], removed: [String]) {
        let node = entry.node
        let configuration = node.configuration
        let (itemsMap, marksMap) = (itemsMap(home, node.name), marksMap(home, node.name))
        let maximum = maximum(configuration)
        var changes: [StorageChange] = []
        var removed: [String] = []
        let size = new.reduce(0) { $0 + ($1.payload?.byteCount ?? 0) + $1.id.utf8.count }
        if configuration.itemExpiry != nil, entry.usage.items + new.count > maximum {
            entry.usage = try await counted(entry, home)
        }
        if !hasRoom(entry.usage.bytes + size, in: node, home) { try await recount(&entry, home) }
        var usage = entry.usage
        if maximum == 1, configuration.whenFull != .reject, publisher.map(home.isOwned) ?? true {
            // Whatever is there goes: it need not be looked at.
            usage = NodeUsage(items: new.count, bytes: size)
        } else {
            let ids = new.map(\.id)
            let existing = try await stored { () async throws(StorageError) in
                try await items.items(itemsMap, keys: ids)
            }
            if let publisher, !existing.isEmpty {
                let mayChangeAll = try await access(of: publisher, to: node, home).mayChangeAll
                guard mayChangeAll || existing.allSatisfy({ $0.value.publisher?.isSameBare(as: publisher) ?? false })
                else { throw .forbidden }
            }
            usage.items += new.count - existing.count
            usage.bytes += size - existing.reduce(0) { $0 + Self.size($1) }
            let excess = usage.items - maximum
            if excess > 0 {
                if configuration.whenFull == .reject {
                    throw StanzaError(.conflict, detail: NodeAccess.detail("node-full"))
                }
                let oldest = try await oldest(excess, of: itemsMap, besides: ids)
                removed = oldest.map(\.key)
                usage.items -= removed.count
                usage.bytes -= oldest.reduce(0) { $0 + Self.size($1) }
                for id in removed {
                    changes.append(.removeItem(itemsMap, key: id))
                    changes.append(.removeItem(marksMap, key: id))
                }
            }
        }
        // A node may hold more than there is room for, but not more than it did.
        guard usage.bytes <= entry.usage.bytes || hasRoom(usage.bytes, in: node, home) else {
            throw StanzaError(.resourceConstraint)
        }
        let now = host.now()
        let expiry = configuration.itemExpiry.map { Self.time(now, plus: $0) }
        for (id, payload) in new {
            let item = PubSubItem(publisher: publisher, time: now, payload: payload)
            changes.append(items.putting(item, itemsMap, key: id, expiresAt: expiry))
            if maximum > 1 {
                changes.append(marks.putting(ItemMark(), marksMap, key: id, expiresAt: expiry, keepsPlace: true))
            }
        }
        if maximum == 1 { changes.append(.trimMap(itemsMap, MapBounds(items: 1))) }
        changes.append(self.usage.putting(usage, usageMap(home), key: node.name, keepsPlace: true))
        entry.usage = usage
        entry.last = nil
        return (changes, removed)
    }

    /// So many seconds later, or as late as can be said.
    private static func time(_ time: Timestamp, plus seconds: Int) -> Timestamp {
        let (milliseconds, isTooLong) = Int64(seconds).multipliedReportingOverflow(by: 1000)
        let (sum, isTooLate) = time.milliseconds.addingReportingOverflow(milliseconds)
        return Timestamp(milliseconds: isTooLong || isTooLate ? .max : sum)
    }

    static func size(_ item: MapItem<PubSubItem>) -> Int { (item.value.payload?.byteCount ?? 0) + item.key.utf8.count }

    private func count(_ map: MapName) async throws(StanzaError) -> Int {
        let query = MapQuery(map, limit: 0, isCounted: true)
        return try await stored { () async throws(StorageError) in try await items.page(query) }?.count ?? 0
    }

    private func oldest(
        _ count: Int, of map: MapName, besides ids: [String]
    ) async throws(StanzaError) -> [MapItem<PubSubItem>] {
        guard count > 0 else { return [] }
        let query = MapQuery(map, limit: count + ids.count)
        let page = try await stored { () async throws(StorageError) in try await items.page(query) }
        return Array((page?.items ?? []).filter { !ids.contains($0.key) }.prefix(count))
    }

    /// Whether there is room for so many bytes of items in the node.
    private func hasRoom(_ byteCount: Int, in node: PubSubNode, _ home: NodeHome) -> Bool {
        let others = home.account == nil ? 0 : home.directory.byteCount(besides: node.name)
        return others + byteCount <= limits.bytes
    }

    /// Counts anew what the node holds, and what other nodes of its account do whose items go by their age.
    private func recount(_ entry: inout NodeDirectory.Entry, _ home: NodeHome) async throws(StanzaError) {
        entry.usage = try await counted(entry, home)
        guard home.account != nil else { return }
        for var other in try await all(home)
        where other.node.name != entry.node.name && other.node.configuration.itemExpiry != nil {
            let usage = try await counted(other, home)
            guard usage != other.usage else { continue }
            other.usage = usage
            try await commit([self.usage.putting(usage, usageMap(home), key: other.node.name, keepsPlace: true)])
            home.directory.put(other)
        }
    }

    /// How much a node holds, without the items that have gone by their age.
    func counted(_ entry: NodeDirectory.Entry, _ home: NodeHome) async throws(StanzaError) -> NodeUsage {
        let map = itemsMap(home, entry.node.name)
        guard try await count(map) < entry.usage.items else { return entry.usage }
        var usage = NodeUsage()
        var position = MapQuery.Position.first
        while true {
            let query = MapQuery(map, position: position, limit: Self.pageLimit, byteLimit: ResultSet.pageBytes)
            let page = try await stored { () async throws(StorageError) in try await items.page(query) }
            // What it was to go on behind has gone in the meantime.
            guard let page else { return entry.usage }
            guard let last = page.items.last else { return usage }
            usage.items += page.items.count
            usage.bytes += page.items.reduce(0) { $0 + Self.size($1) }
            position = .after(last.key)
        }
    }
}
