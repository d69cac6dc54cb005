import XMPPServer

/// XEP-0060, whoever has the nodes: an account (XEP-0163) or a service.
///
/// Nodes, items and subscriptions are in ordered maps and are read by pages. A change is answered, and told to others, when it is
/// stored. Changes of one node follow each other, and so do the notifications of them.
final class PubSubEngine: Sendable {
    /// The name of the map with all nodes of an address.
    static let allNodes = "nodes"
    static let nodesStore = "pubsub-nodes"
    static let usageStore = "pubsub-usage"
    static let itemsStore = "pubsub-items"
    static let marksStore = "pubsub-marks"
    static let subscriptionsStore = "pubsub-subscriptions"
    static let relationsStore = "pubsub-relations"

    /// All that is kept about people: what accounts own, and what they have to do with at a host's service.
    static let personalData = [
        PersonalData(maps: nodesStore, writing: export) { account, host throws(StorageError) in
            try await changes(forgetting: account, at: host)
        },
        PersonalData(maps: usageStore), PersonalData(maps: itemsStore), PersonalData(maps: marksStore),
        PersonalData(maps: subscriptionsStore), PersonalData(maps: relationsStore),
    ]

    /// Nodes that are read at a time.
    private static let pageSize = 200
    /// Of names of nodes and ids of items, in UTF-8.
    static let maximumNameBytes = 1023

    let host: Host
    let limits: PubSubLimits
    /// How a node is configured at first.
    let defaults: NodeConfiguration
    let nodes: MapStore<PubSubNode>
    let usage: MapStore<NodeUsage>
    let items: MapStore<PubSubItem>
    let marks: MapStore<ItemMark>
    let subscriptions: MapStore<NodeSubscription>
    /// By the entities that have them.
    let relations: MapStore<EntityRelation>
    /// Changes of a node follow each other; so do those of an account's nodes, which are bounded together.
    private let turns = Turns()
    /// What is bounded for an entity over all nodes grows one by one: within the turn of a node.
    let entityTurns = OneAtATime<JID>()

    typealias Turns = OneAtATime<[String]>

    init(host: Host, limits: PubSubLimits, defaults: NodeConfiguration) {
        self.host = host
        self.limits = limits
        self.defaults = defaults
        nodes = MapStore(Self.nodesStore, in: host.storage)
        usage = MapStore(Self.usageStore, in: host.storage)
        items = MapStore(Self.itemsStore, in: host.storage)
        marks = MapStore(Self.marksStore, in: host.storage)
        subscriptions = MapStore(Self.subscriptionsStore, in: host.storage)
        relations = MapStore(Self.relationsStore, in: host.storage)
    }

    // MARK: Addresses

    private static let directory = AccountRecord.Slot("nodes") { NodeDirectory() }

    /// The nodes of an account.
    func home(of account: AccountRecord) -> NodeHome {
        NodeHome(address: account.jid, owner: account.jid, account: account, directory: account[Self.directory])
    }

    /// An account of the host, read if need be.
    func account(_ jid: JID) async throws(StanzaError) -> AccountRecord? {
        if let account = host.accounts.cached(jid) { return account }
        return try await host.find(jid).get()
    }

    // MARK: Storage

    /// Does what may fail in the storage; the failure is logged, and the client told of it.
    func stored<Value: Sendable>(
        _ body: () async throws(StorageError) -> Value
    ) async throws(StanzaError) -> Value {
        do throws(StorageError) {
            return try await body()
        } catch {
            throw host.report(error)
        }
    }

    func commit(_ changes: [StorageChange]) async throws(StanzaError) {
        guard !changes.isEmpty else { return }
        try await stored { () async throws(StorageError) in try await host.storage.commit(changes) }
    }

    func nodesMap(_ home: NodeHome) -> MapName { nodes.map(Self.allNodes, of: home.owner) }
    func usageMap(_ home: NodeHome) -> MapName { usage.map(Self.allNodes, of: home.owner) }
    func itemsMap(_ home: NodeHome, _ node: String) -> MapName { items.map(node, of: home.owner) }
    func marksMap(_ home: NodeHome, _ node: String) -> MapName { marks.map(node, of: home.owner) }
    func subscriptionsMap(_ home: NodeHome, _ node: String) -> MapName { subscriptions.map(node, of: home.owner) }

    // MARK: Nodes

    /// Where the request that is being answered stands among the changes of its node.
    @TaskLocal static var place: Turns.Place?

    /// The node of that name, if there is one.
    func entry(_ name: String, _ home: NodeHome) async throws(StanzaError) -> NodeDirectory.Entry? {
        if let known = home.directory.known(name) { return known }
        if home.account != nil {
            _ = try await all(home)
            return home.directory.known(name) ?? nil
        }
        let generation = home.directory.generation
        return try await stored { () async throws(StorageError) -> NodeDirectory.Entry? in
            guard let node = try await nodes.get(nodesMap(home), key: name) else { return nil }
            let usage = try await usage.get(usageMap(home), key: name)
            let entry = NodeDirectory.Entry(node: node, usage: usage ?? NodeUsage(), last: nil)
            home.directory.read(entry, at: generation)
            return entry
        }
    }

    /// The node of that name.
    ///
    /// - Throws: `item-not-found` if there is none.
    func existing(_ name: String, _ home: NodeHome) async throws(StanzaError) -> NodeDirectory.Entry {
        guard let entry = try await entry(name, home) else { throw .itemNotFound }
        return entry
    }

    /// All nodes of an account.
    func all(_ home: NodeHome) async throws(StanzaError) -> [NodeDirectory.Entry] {
        if let all = home.directory.all { return all }
        return try await stored { () async throws(StorageError) -> [NodeDirectory.Entry] in
            while true {
                let generation = home.directory.generation
                var entries: [NodeDirectory.Entry] = []
                var position = MapQuery.Position.first
                while true {
                    let query = MapQuery(nodesMap(home), order: .byKey(), position: position, limit: Self.pageSize)
                    guard let page = try await nodes.page(query), let last = page.items.last else { break }
                    let keys = page.items.map(\.key)
                    let usages = Dictionary(
                        try await usage.items(usageMap(home), keys: keys).map { ($0.key, $0.value) }
                    ) { $1 }
                    entries += page.items.map {
                        NodeDirectory.Entry(node: $0.value, usage: usages[$0.key] ?? NodeUsage(), last: nil)
                    }
                    guard page.items.count == Self.pageSize else { break }
                    position = .after(last.key)
                }
                home.directory.readAll(entries, at: generation)
                if let all = home.directory.all { return all }
            }
        }
    }

    /// Runs a change of a node when those before it have ended.
    func changing(
        _ name: String, _ home: NodeHome, _ body: @Sendable () async throws(StanzaError) -> Reply
    ) async -> Reply {
        do throws(StanzaError) { return try await inTurn(of: name, home, body) } catch { return .error(error) }
    }

    /// The same, for changes that answer nobody.
    func inTurn<Value: Sendable>(
        of name: String, _ home: NodeHome, _ body: @Sendable () async throws(StanzaError) -> Value
    ) async throws(StanzaError) -> Value {
        try await turns.run(for: turn(of: name, home), at: Self.place) { () async throws(StanzaError) -> Value in
            do throws(StanzaError) {
                try await checkThatNobodyLeaves(name, home)
                let value = try await body()
                await endTurn(home)
                return value
            } catch {
                await endTurn(home)
                throw error
            }
        }
    }

    /// What is stored for a removed account stays; what its removal stores must not meet another change.
    private func checkThatNobodyLeaves(_ name: String, _ home: NodeHome) async throws(StanzaError) {
        if let account = home.account {
            guard !host.accounts.isLeaving(account.jid) else { throw .itemNotFound }
        } else if let node = try await entry(name, home)?.node {
            let isLeft = node.affiliations.keys.contains(where: isLeaving) || node.creator.map(isLeaving) == true
            guard !isLeft else { throw .resourceConstraint }
        }
    }

    /// Notifications that were held back for the next change go out where there is none.
    private func endTurn(_ home: NodeHome) async {
        if home.account != nil, waiting(at: home) == 0 { await sendHeld(home) }
    }

    /// How many changes of an account's nodes wait for their turn.
    func waiting(at home: NodeHome) -> Int { turns.waiting(for: [home.address.string]) }

    private func turn(of name: String, _ home: NodeHome) -> [String] {
        home.account == nil ? [home.address.string, name] : [home.address.string]
    }

    /// Takes the place of a request among the changes of its node. It is to be taken when the request comes, so that what a client
    /// sends later is done later.
    func place(for node: String, _ home: NodeHome) -> Turns.Place { turns.place(for: turn(of: node, home)) }

    /// Waits until the changes at an address have ended that have begun: those of all nodes of a service.
    func drain(_ home: NodeHome) async {
        if home.account == nil { return await turns.drain() }
        await turns.run(for: [home.address.string]) { await endTurn(home) }
    }

    /// Whether an account of the host is being removed.
    func isLeaving(_ jid: JID) -> Bool { jid.isSameDomain(as: host.jid) && host.accounts.isLeaving(jid) }

    // MARK: Who may what

    /// What somebody is to a node.
    func access(
        of jid: JID, to node: PubSubNode, _ home: NodeHome
    ) async throws(StanzaError) -> NodeAccess {
        let affiliation = affiliation(of: jid, to: node, home)
        let configuration = node.configuration
        var isSubscribed = false
        if affiliation == .none || affiliation == .member,
            configuration.accessModel == .authorize || configuration.publishModel == .subscribers
        {
            isSubscribed = try await subscriptions(of: jid.isFull ? [jid, jid.bare] : [jid], to: node.name, home)
                .contains { $0.state == .subscribed }
        }
        let owners = try await owners(of: node, home)
        return NodeAccess(
            configuration: configuration, affiliation: affiliation, relation: relation(of: jid, to: owners),
            isSubscribed: isSubscribed)
    }

    func affiliation(of jid: JID, to node: PubSubNode, _ home: NodeHome) -> Affiliation {
        if home.isOwned(by: jid) { return .owner }
        return node.affiliations[jid.bare] ?? .none
    }

    /// The accounts whose presence and contact lists count for the node.
    func owners(of node: PubSubNode, _ home: NodeHome) async throws(StanzaError) -> [AccountRecord] {
        if let account = home.account { return [account] }
        guard node.configuration.accessModel == .presence || node.configuration.accessModel == .roster else {
            return []
        }
        var owners: [AccountRecord] = []
        for jid in node.owners {
            guard case .account(let host, let address) = host.router.hosts.recipient(of: jid) else { continue }
            switch await host.find(address) {
            case .success(let record): if let record { owners.append(record) }
            case .failure(let error): throw error
            }
        }
        return owners
    }

    /// What somebody is to the first of the owners who knows them.
    func relation(of jid: JID, to owners: [AccountRecord]) -> NodeAccess.Relation {
        for owner in owners {
            guard let item = owner.rosterItem(jid), item.state.hasFrom else { continue }
            return NodeAccess.Relation(seesPresence: true, groups: item.groups)
        }
        return .none
    }

    /// The subscriptions of exactly these addresses.
    func subscriptions(
        of addresses: [JID], to node: String, _ home: NodeHome
    ) async throws(StanzaError) -> [NodeSubscription] {
        let now = host.now()
        let found = try await stored { () async throws(StorageError) in
            try await subscriptions.items(subscriptionsMap(home, node), keys: addresses.map(\.string))
        }
        return found.filter { $0.expiresAt.map { $0 > now } ?? true }.map(\.value)
    }

    // MARK: Afterwards

    /// Tells modules of a change of an account's node.
    func tell(_ kind: NodeChange.Kind, _ node: String, _ home: NodeHome, _ publisher: JID?) {
        guard let account = home.account else { return }
        var change = NodeChange(account: account, node: node, kind: kind, publisher: publisher, host: host)
        host.fire(PersonalEventing.nodeChanged, &change)
    }

    /// Items that are removed at a time because of their age.
    private static let expiredAtOnce = 1_000

    /// Removes what has expired. Until then it is there, but not shown.
    @Sendable func removeExpired() async {
        let now = host.now()
        let changes = [items.name, marks.name, subscriptions.name, relations.name].map {
            StorageChange.removeExpiredItems(store: $0, at: now, atMost: Self.expiredAtOnce)
        }
        do throws(StanzaError) { try await commit(changes) } catch {
            // It is logged, and tried again the next time.
        }
    }

    // MARK: Names

    /// A name that a client has given.
    static func checked(_ name: String?) throws(StanzaError) -> String {
        guard let name, !name.isEmpty else {
            throw StanzaError(.badRequest, detail: NodeAccess.detail("nodeid-required"))
        }
        guard name.utf8.count <= maximumNameBytes else { throw .policyViolation }
        return name
    }
}

/// An address at which there are nodes.
struct NodeHome: Sendable {
    /// A bare JID.
    let address: JID
    /// In whose name they are stored: the account, or the host that the service belongs to.
    let owner: JID
    /// Whose nodes they are; nil: a service's.
    let account: AccountRecord?
    let directory: NodeDirectory

    /// The nodes of a host's service.
    static func service(of host: Host, at address: JID, _ directory: NodeDirectory) -> NodeHome {
        NodeHome(address: address, owner: host.jid, account: nil, directory: directory)
    }

    /// Whether all nodes here are those of that account.
    func isOwned(by jid: JID) -> Bool { account?.jid.isSameBare(as: jid) ?? false }
}

/// How much there may be at one address.
struct PubSubLimits: Sendable, Equatable {
    /// Nodes of an account; of a service: that somebody has made.
    let nodes: Int
    /// Items of a node.
    let items: Int
    /// Bytes of the items of an account, or of a node of a service.
    let bytes: Int
    /// Subscriptions of an entity.
    let subscriptions: Int
    /// Entities with an affiliation to a node.
    static let affiliations = 1_000
    /// Bytes of their addresses: a node is read with all of them.
    static let affiliationBytes = 64 << 10
    /// Owners of a node: their contact lists are read to tell who may see it.
    static let owners = 50

    static let none = PubSubLimits(nodes: .max, items: .max, bytes: .max, subscriptions: .max)
}
