import XMPPServer

/// Items that are read and retracted.
extension PubSubEngine {
    /// Items on one page at most.
    static let pageLimit = 250

    /// Which items somebody asks for.
    struct Selection: Sendable {
        let node: String
        /// These alone; empty: a page of all.
        var ids: [String] = []
        /// That many of the newest; nil: that is not said.
        var newest: Int?
        var page = ResultSet.all
        /// In the order in which items were made, not in that in which they were changed.
        var isByCreation = false
        var isDescending = false
    }

    /// §6.5
    func items(_ selection: Selection, at home: NodeHome, for jid: JID) async -> Reply {
        do throws(StanzaError) {
            if let target = PublicSubscriptions.target(of: selection.node) {
                return try await publicSubscribers(of: target, selection, at: home, for: jid)
            }
            let entry = try await existing(selection.node, home)
            if let error = try await access(of: jid, to: entry.node, home).readError { throw error }
            guard entry.node.configuration.persistsItems else { throw .unsupported("persistent-items") }
            return try await read(selection, entry.node, home)
        } catch {
            return .error(error)
        }
    }

    private func read(_ selection: Selection, _ node: PubSubNode, _ home: NodeHome) async throws(StanzaError) -> Reply {
        let now = host.now()
        let map = itemsMap(home, node.name)
        guard selection.ids.isEmpty else {
            let found = try await stored { () async throws(StorageError) in
                try await items.items(map, keys: selection.ids)
            }.filter { $0.expiresAt.map { $0 > now } ?? true }
            // §6.5.9.11: none of them is there.
            guard !found.isEmpty else { throw .itemNotFound }
            let fitting = ResultSet.fitting(found, isBackward: false, Self.size)
            return .result { Self.write(fitting, node, nil, to: &$0) }
        }
        let page = try await page(selection, node, home)
        guard let page else { throw .itemNotFound }
        let found = page.items.filter { $0.expiresAt.map { $0 > now } ?? true }
        let isCut = page.items.count < min(page.count ?? 0, selection.newest ?? .max)
        let isPaged = isCut || selection.page.maximum != nil
        return .result { writer in
            Self.write(found, node, isPaged ? page : nil, to: &writer)
        }
    }

    /// A page, in the order that was asked for; nil: it names an item that is not there.
    private func page(
        _ selection: Selection, _ node: PubSubNode, _ home: NodeHome
    ) async throws(StanzaError) -> MapPage<PubSubItem>? {
        var limit = min(selection.page.maximum ?? selection.newest ?? Self.pageLimit, Self.pageLimit)
        if let newest = selection.newest { limit = min(limit, newest) }
        let position: MapQuery.Position =
            switch (selection.page.place, selection.isDescending) {
            case (.first, false): selection.newest == nil ? .first : .last
            case (.first, true): .last
            case (.last, false): .last
            case (.last, true): .first
            case (.after(let id), false), (.before(let id), true): .after(id)
            case (.before(let id), false), (.after(let id), true): .before(id)
            }
        let isByCreation = selection.isByCreation && maximum(node.configuration) > 1
        let map = isByCreation ? marksMap(home, node.name) : itemsMap(home, node.name)
        let query = MapQuery(map, position: position, limit: limit, byteLimit: ResultSet.pageBytes, isCounted: true)
        let page = try await stored { () async throws(StorageError) -> MapPage<PubSubItem>? in
            guard isByCreation else { return try await items.page(query) }
            guard let page = try await marks.page(query) else { return nil }
            let found = try await items.items(itemsMap(home, node.name), keys: page.items.map(\.key))
            let byID = Dictionary(found.map { ($0.key, $0) }) { $1 }
            return MapPage(items: page.items.compactMap { byID[$0.key] }, count: page.count, index: page.index)
        }
        guard let page else { return nil }
        let isBackward =
            switch position {
            case .last, .before: true
            case .first, .after, .index: false
            }
        let fitting = ResultSet.fitting(page.items, isBackward: isBackward, Self.size)
        let dropped = isBackward ? page.items.count - fitting.count : 0
        let index = page.index.map { $0 + dropped }
        guard selection.isDescending else { return MapPage(items: fitting, count: page.count, index: index) }
        let descending = index.flatMap { index in page.count.map { $0 - index - fitting.count } }
        return MapPage(items: fitting.reversed(), count: page.count, index: descending)
    }

    /// - Parameter page: what is said of the page; nil: nothing.
    private static func write(
        _ found: [MapItem<PubSubItem>], _ node: PubSubNode, _ page: MapPage<PubSubItem>?, to writer: inout XMLWriter
    ) {
        writer.element("pubsub", .pubSub) { writer in
            writer.element("items", nil, ["node": node.name]) { writer in
                for item in found {
                    writer.start("item")
                    writer.attribute("id", item.key)
                    if node.configuration.itemReply == .publisher {
                        writer.attribute("publisher", item.value.publisher?.bare.string)
                    }
                    if let payload = item.value.payload { writer.copy(payload) }
                    writer.end()
                }
            }
            guard let page else { return }
            ResultSet.write(
                first: page.items.first?.key, last: page.items.last?.key, count: page.count, index: page.index,
                to: &writer)
        }
    }

    // MARK: Retraction

    /// §7.2
    ///
    /// - Parameter publisher: nil: the server, which may.
    func retract(
        _ ids: [String], of name: String, notifying isWanted: Bool, at home: NodeHome, by publisher: JID?
    ) async -> Reply {
        await changing(name, home) { () async throws(StanzaError) -> Reply in
            var entry = try await existing(name, home)
            let node = entry.node
            let map = itemsMap(home, name)
            var mayChangeAll = true
            if let publisher {
                let access = try await access(of: publisher, to: node, home)
                if let error = access.publishError { throw error }
                mayChangeAll = access.mayChangeAll
            }
            guard node.configuration.persistsItems else { throw .unsupported("persistent-items") }
            let found = try await stored { () async throws(StorageError) in try await items.items(map, keys: ids) }
            guard found.count == ids.count else { throw .itemNotFound }
            guard
                mayChangeAll
                    || found.allSatisfy({ $0.value.publisher?.isSameBare(as: publisher ?? home.address) ?? false })
            else { throw .forbidden }
            entry.usage.items = max(entry.usage.items - found.count, 0)
            entry.usage.bytes = max(entry.usage.bytes - found.reduce(0) { $0 + Self.size($1) }, 0)
            entry.last = nil
            var changes = ids.flatMap { id in
                [StorageChange.removeItem(map, key: id), .removeItem(marksMap(home, name), key: id)]
            }
            changes.append(usage.putting(entry.usage, usageMap(home), key: name, keepsPlace: true))
            try await commit(changes)
            home.directory.put(entry)
            if isWanted || node.configuration.notifiesRetraction {
                await notify(node, home, publisher: publisher) { Self.write(retracted: ids, node, to: &$0) }
            }
            tell(.retracted(ids), name, home, publisher)
            return .ok
        }
    }

    static func write(retracted ids: [String], _ node: PubSubNode, to writer: inout XMLWriter) {
        writer.element("items", nil, ["node": node.name]) { writer in
            for id in ids { writer.element("retract", nil, ["id": id]) }
        }
    }
}

extension ResultSet {
    /// The position of its page in a map.
    var position: MapQuery.Position {
        switch place {
        case .first: .first
        case .last: .last
        case .after(let key): .after(key)
        case .before(let key): .before(key)
        }
    }
}
