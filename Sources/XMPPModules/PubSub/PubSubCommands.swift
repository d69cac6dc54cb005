import XMPPServer

/// What administrators do with nodes: those of an account, or of the service.
struct PubSubCommands: Sendable {
    /// Nodes that are listed at once.
    private static let maximum = 1_000
    private static let accountHelp = "The account whose nodes they are; without one, those of the host's service."

    let host: Host
    /// nil: the host has none.
    let service: @Sendable () -> (PubSubEngine, NodeHome)?

    func register(_ registrar: inout Registrar) {
        registrar.command(
            Command(
                "pubsub-list", "Lists nodes of an account, or of the publish-subscribe service.", for: .administrator,
                isReading: true, .optional(.account("account", Self.accountHelp)),
                .optional(.text("after", "The name behind which the list begins."))
            ) { _, account, after in try await list(account, after) })
        registrar.command(
            Command(
                "pubsub-show", "Shows how a node is configured, and how much is in it.", for: .administrator,
                isReading: true, .text("node", "The node's name."), .optional(.account("account", Self.accountHelp))
            ) { _, node, account in try await show(node, account) })
        registrar.command(
            Command(
                "pubsub-delete", "Deletes a node with all its items.", for: .administrator,
                .text("node", "The node's name."), .optional(.account("account", Self.accountHelp))
            ) { _, node, account in try await delete(node, account) })
        registrar.command(
            Command(
                "pubsub-purge", "Removes all items of a node.", for: .administrator,
                .text("node", "The node's name."), .optional(.account("account", Self.accountHelp))
            ) { _, node, account in try await purge(node, account) })
        registrar.command(
            Command(
                "pubsub-explain", "Says whether somebody is told of what is published at a node, and why not.",
                for: .administrator, isReading: true, .text("node", "The node's name."),
                .text("reader", "The address of whoever should be told."),
                .optional(.account("account", Self.accountHelp))
            ) { _, node, reader, account in try await explain(node, reader, account) })
    }

    /// A node, as administrators see it.
    struct NodeInfo: CommandRecord {
        let name: String
        let title: String
        let access: String
        let items: Int
        let bytes: Int
        let owners: [String]
        let fields: [(name: String, values: [String])]

        static let columns: [CommandColumn<NodeInfo>] = [
            .text("node", "node") { $0.name },
            .text("title", "title") { $0.title.isEmpty ? nil : $0.title },
            .text("access", "access") { $0.access },
            .integer("items", "items") { $0.items },
            .integer("bytes", "bytes") { $0.bytes },
            .text("owners", "owners") { $0.owners.joined(separator: ", ") },
            .text("configuration", .init(list: "configuration")) { node in
                node.fields.map { "\($0.name)=\($0.values.joined(separator: ","))" }.joined(separator: " ")
            },
        ]
        static let none = "There are no nodes."

        init(_ entry: NodeDirectory.Entry, _ home: NodeHome) {
            let node = entry.node
            name = node.name
            title = node.configuration.title
            access = node.configuration.accessModel.rawValue
            items = entry.usage.items
            bytes = entry.usage.bytes
            owners = home.account.map { [$0.jid.string] } ?? node.owners.map(\.string)
            fields = node.configuration.differences(from: home.account == nil ? .service : .personal)
        }
    }

    // MARK: What they do

    private func home(_ account: Account?) async throws -> (PubSubEngine, NodeHome) {
        guard let account else {
            guard let service = service() else {
                throw AdministrationError("\(host.domain) has no publish-subscribe service", .notFound)
            }
            return service
        }
        guard let engine = host.personalEventing?.engine else {
            throw AdministrationError("accounts of \(host.domain) have no nodes: the module pep is off", .notFound)
        }
        guard let record = try await host.accounts.load(account.jid) else {
            throw AdministrationError("there is no account \(account.jid)", .notFound)
        }
        return (engine, engine.home(of: record))
    }

    private func list(_ account: Account?, _ after: String?) async throws -> [NodeInfo] {
        let (engine, home) = try await home(account)
        let position = after.map(MapQuery.Position.after) ?? .first
        let query = MapQuery(engine.nodesMap(home), order: .byKey(), position: position, limit: Self.maximum)
        guard let page = try await engine.nodes.page(query) else {
            throw AdministrationError("there is no node \(after ?? "")", .notFound)
        }
        let usage = try await engine.usage.items(engine.usageMap(home), keys: page.items.map(\.key))
        let usages = Dictionary(usage.map { ($0.key, $0.value) }) { $1 }
        return page.items.map { item in
            NodeInfo(.init(node: item.value, usage: usages[item.key] ?? NodeUsage(), last: nil), home)
        }
    }

    private func show(_ node: String, _ account: Account?) async throws -> NodeInfo {
        let (engine, home) = try await home(account)
        do {
            return NodeInfo(try await engine.existing(node, home), home)
        } catch {
            throw Self.error(error, node)
        }
    }

    private func delete(_ node: String, _ account: Account?) async throws -> Sentence {
        let (engine, home) = try await home(account)
        if let error = await engine.delete(node, redirect: nil, at: home, by: nil).error {
            throw Self.error(error, node)
        }
        return "the node \(node) is deleted"
    }

    private func purge(_ node: String, _ account: Account?) async throws -> Sentence {
        let (engine, home) = try await home(account)
        if let error = await engine.purge(node, at: home, by: nil).error { throw Self.error(error, node) }
        return "the node \(node) is empty"
    }

    private func explain(_ node: String, _ reader: String, _ account: Account?) async throws -> [PubSubEngine.Told] {
        let (engine, home) = try await home(account)
        guard let jid = JID(reader) else { throw AdministrationError("\"\(reader)\" is no address", .invalid) }
        do throws(StanzaError) {
            return try await engine.told(jid, of: node, at: home)
        } catch {
            throw Self.error(error, node)
        }
    }

    private static func error(_ error: StanzaError, _ node: String) -> AdministrationError {
        switch error.condition {
        case .itemNotFound: AdministrationError("there is no node \(node)", .notFound)
        case .featureNotImplemented: AdministrationError("the node \(node) keeps no items")
        case .resourceConstraint: AdministrationError("something else is happening to the node \(node)", .busy)
        default: AdministrationError("the store failed", .failed)
        }
    }
}
