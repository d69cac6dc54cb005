import XMPPServer

/// What service discovery says of nodes, XEP-0060 §5.
extension PubSubEngine {
    /// XEP-0462: of which types nodes are wanted.
    static let filterForm: Namespace = "urn:xmpp:pubsub-filter:0"
    /// A feature, and what a form about a node is about.
    static let metadataForm: Namespace = "http://jabber.org/protocol/pubsub#meta-data"

    /// XEP-0462: which nodes somebody asks for.
    struct NodeFilter: Sendable {
        private var included: Set<String>?
        private var excluded: Set<String> = []

        /// - Throws: `bad-request` if the filter is none.
        init(_ query: Element) throws(StanzaError) {
            guard let filter = query.child("filter", PubSubEngine.filterForm),
                let form = try DataForm.inside(filter, about: PubSubEngine.filterForm)
            else { return }
            for (name, values) in form.fields {
                if name == "included-types" { included = Set(values) }
                if name == "excluded-types" { excluded = Set(values) }
            }
            if included != nil, !excluded.isEmpty { throw .badRequest }
        }

        func passes(_ node: PubSubNode) -> Bool {
            let type = node.configuration.type
            return included?.contains(type) ?? true && !excluded.contains(type)
        }
    }

    /// What a node is, §5.3 and §5.4.
    func describe(_ name: String, at home: NodeHome, for jid: JID) async -> Reply {
        do throws(StanzaError) {
            let entry = try await existing(name, home)
            let node = entry.node
            guard try await access(of: jid, to: node, home).subscribeError == nil else { throw .itemNotFound }
            let query = MapQuery(subscriptionsMap(home, name), limit: 0, isCounted: true)
            let subscribers =
                try await stored { () async throws(StorageError) in
                    try await subscriptions.page(query)
                }?.count ?? 0
            let owners = home.account.map { [$0.jid] } ?? node.owners
            let fields = metadata(of: entry, owners: owners, subscribers: subscribers)
            return .result { writer in
                writer.element("query", .discoInfo, ["node": name]) { writer in
                    writer.element("identity", nil, ["category": "pubsub", "type": "leaf"])
                    for feature in [Namespace.discoInfo, .pubSub] {
                        writer.element("feature", nil, ["var": feature.name])
                    }
                    FormField.write(fields, about: Self.metadataForm.name, "result", to: &writer)
                }
            }
        } catch {
            return .error(error)
        }
    }

    private func metadata(of entry: NodeDirectory.Entry, owners: [JID], subscribers: Int) -> [FormField] {
        let node = entry.node
        let configuration = node.configuration
        let publishers = node.affiliations.filter { $0.value == .publisher }.map(\.key.string).sorted()
        let texts: [(String, String)] = [
            ("title", configuration.title), ("description", configuration.description), ("type", configuration.type),
            ("language", configuration.language), ("creator", node.creator?.string ?? ""),
            ("creation_date", node.created.xep0082), ("access_model", configuration.accessModel.rawValue),
            ("publish_model", configuration.publishModel.rawValue),
            ("max_items", configuration.maximumItems.map(String.init) ?? "max"), ("num_subscribers", "\(subscribers)"),
        ]
        return texts.filter { !$0.1.isEmpty }.map {
            FormField(name: "pubsub#\($0.0)", type: "text-single", values: [$0.1])
        } + [
            FormField(name: "pubsub#owner", type: "jid-multi", values: owners.map(\.string)),
            FormField(name: "pubsub#publisher", type: "jid-multi", values: publishers),
        ]
    }

    /// The nodes of an account, as far as they are for whoever asks, §5.2.
    func nodes(of home: NodeHome, for jid: JID, _ filter: NodeFilter) async -> Reply {
        do throws(StanzaError) {
            var shown: [PubSubNode] = []
            for entry in try await all(home) where filter.passes(entry.node) {
                if try await access(of: jid, to: entry.node, home).readError == nil { shown.append(entry.node) }
            }
            return Self.list(shown.sorted { $0.name < $1.name }, home, nil)
        } catch {
            return .error(error)
        }
    }

    /// A page of the nodes of a service. Nodes that are not for whoever asks are left out.
    func page(of home: NodeHome, for jid: JID, _ query: Element) async -> Reply {
        do throws(StanzaError) {
            let filter = try NodeFilter(query)
            let page = try await host.page(
                ResultSet(of: query), of: nodesMap(home), in: nodes, order: .byKey(), atMost: Self.nodesListed
            ) { item throws(StanzaError) in
                guard filter.passes(item.value) else { return false }
                return try await access(of: jid, to: item.value, home).subscribeError == nil
            }
            return Self.list(page.items.map(\.value), home, page)
        } catch {
            return .error(error)
        }
    }

    /// Nodes of one answer.
    private static let nodesListed = 200

    private static func list(_ nodes: [PubSubNode], _ home: NodeHome, _ page: ShownPage<PubSubNode>?) -> Reply {
        .result { writer in
            writer.element("query", .discoItems) { writer in
                for node in nodes {
                    let title = node.configuration.title
                    writer.element(
                        "item", nil,
                        ["jid": home.address.string, "node": node.name, "name": title.isEmpty ? nil : title])
                }
                page?.write(to: &writer)
            }
        }
    }

    /// The items of a node, §5.5: their ids alone.
    func itemIDs(of name: String, at home: NodeHome, for jid: JID) async -> Reply {
        do throws(StanzaError) {
            let entry = try await existing(name, home)
            if let error = try await access(of: jid, to: entry.node, home).readError { throw error }
            let now = host.now()
            let query = MapQuery(itemsMap(home, name), position: .last, limit: Self.nodesListed)
            let page = try await stored { () async throws(StorageError) in try await items.page(query) }
            let ids = (page?.items ?? []).filter { $0.expiresAt.map { $0 > now } ?? true }.map(\.key)
            return .result { writer in
                writer.element("query", .discoItems, ["node": name]) { writer in
                    for id in ids { writer.element("item", nil, ["jid": home.address.string, "name": id]) }
                }
            }
        } catch {
            return .error(error)
        }
    }
}
