import NIOCore
import XMPPServer

/// XEP-0163: Personal Eventing Protocol: every account has nodes of its own, at its bare JID. What it publishes there reaches its
/// own clients and its contacts, as far as they have said that they want it.
///
/// Modules publish and read by `Host.personalEventing`, and learn of changes by `PersonalEventing.nodeChanged`.
struct PersonalEventing: ServerModule {
    static let info = ModuleInfo(
        "pep",
        implements: [
            .xep(163, "1.2.2"), .xep(60, "1.30.0"), .xep(222, "1.0"), .xep(223, "1.1.1"), .xep(390, "0.3.2"),
            .xep(413, "0.2.1"), .xep(462, "0.1.1"), .xep(465, "0.1.1"),
        ],
        requires: ["disco", "presence"], summary: "Accounts publish what concerns them to their contacts and clients.")

    static let personalData = PubSubEngine.personalData

    /// Something has changed at a node of an account, and that is stored. Changes of one node come one after the other, from any
    /// thread; a handler must not block.
    static let nodeChanged = HookPoint<NodeChange>("nodeChanged")

    struct Settings: ModuleSettings {
        let limits: PubSubLimits

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            limits = PubSubLimits(
                nodes: section.integer("nodes", default: 250, in: 1...10_000, "How many nodes an account may have."),
                items: section.integer(
                    "items", default: 1000, in: 1...100_000, "How many items a node keeps at most."),
                bytes: section.byteCount(
                    "bytes", default: 8 << 20, in: 64 << 10...1 << 30,
                    "How much the items of an account's nodes may take together."),
                subscriptions: section.integer(
                    "subscriptions", default: 100, in: 1...10_000,
                    "How many nodes of one account somebody may subscribe to, beside what presence is for."))
        }
    }

    let host: Host
    let engine: PubSubEngine
    let capabilities: ClientCapabilities

    init(host: Host, settings: Settings) {
        self.host = host
        capabilities = ClientCapabilities(host: host)
        engine = PubSubEngine(host: host, limits: settings.limits, defaults: .personal)
    }

    func register(_ registrar: inout Registrar) {
        registrar.identity(category: "pubsub", type: "pep")
        registrar.accountIdentity(category: "pubsub", type: "pep")
        for feature in PubSubFeatures.personal {
            registrar.accountFeature(feature)
            // XEP-0222 and 0223 have clients look for it there.
            registrar.feature(feature)
        }
        for kind in [IQRequest.Kind.get, .set] {
            for namespace in [Namespace.pubSub, .pubSubOwner] {
                registrar.iq(kind, "pubsub", namespace, to: .ownAccount, needs: .changeSettings, answer)
                registrar.iq(kind, "pubsub", namespace, to: .account, needs: .chat, answer)
            }
        }
        registrar.on(Disco.accountAsked, .deliver, describe)
        registrar.on(Hooks.presenceFromClient, .copy) { event in
            guard let session = event.session, event.to == nil else { return .go }
            switch event.stanza.type {
            case .available: announced(event.stanza.element, by: session)
            case .unavailable: capabilities.forget(session)
            default: break
            }
            return .go
        }
        registrar.on(Hooks.sessionEnded, .deliver) { event in
            capabilities.forget(event.session)
            return .go
        }
        // A client cannot be asked before it is there again; then it learns what it has missed.
        registrar.on(Hooks.sessionResumed, .deliver) { event in
            if let presence = event.session.presence, ClientCapabilities.interests(of: event.session).isEmpty {
                announced(presence, by: event.session)
            }
            return .go
        }
        registrar.on(Hooks.presenceToAccount, .copy) { event in
            guard let account = event.account else { return .go }
            switch event.stanza.type {
            case .subscribed: subscribed(account, to: event.from.bare)
            case .available: announced(event.stanza.element, by: event.from, to: account)
            case .unavailable where isElsewhere(event.from): ClientCapabilities.forget(event.from, of: account)
            default: break
            }
            return .go
        }
        registrar.on(Hooks.messageToAccount, .validate, authorize)
        registrar.job(every: .seconds(300), engine.removeExpired)
    }

    /// What the session wants to be told of it is sent at once, as soon as it is known.
    private func announced(_ presence: Element, by session: ClientSession) {
        capabilities.announced(presence, by: session) { [host, engine] nodes in
            // Behind this presence.
            session.loop.eventLoop.execute {
                host.router.begin { await engine.sendLastItems(of: nodes, to: session) }
            }
        }
    }

    /// What clients of this process want is known where they are; what others want is kept with the account that they tell it.
    private func announced(_ presence: Element, by contact: JID, to account: AccountRecord) {
        guard isElsewhere(contact), account.withRoster({ $0.showsPresence(to: contact) }) else { return }
        capabilities.announced(presence, by: contact, to: account) { [host, engine] nodes in
            host.router.begin { await engine.sendLastItems(of: nodes, at: account, to: contact) }
        }
    }

    /// Whether a client is not at an account of this process.
    private func isElsewhere(_ client: JID) -> Bool {
        if case .account = host.router.hosts.recipient(of: client) { false } else { true }
    }

    /// Whoever may see somebody's presence from now on is sent what they have published last.
    private func subscribed(_ account: AccountRecord, to contact: JID) {
        for session in account.sessions where session.isAvailable {
            let nodes = ClientCapabilities.interests(of: session)
            guard !nodes.isEmpty else { continue }
            host.router.begin { [engine] in await engine.sendLastItems(of: nodes, at: [contact], to: session) }
        }
    }

    // MARK: Requests

    @Sendable private func answer(_ request: IQRequest) -> Reply {
        let asked: PubSubRequest
        do throws(StanzaError) { asked = try PubSubRequest(request) } catch { return .error(error) }
        let (owner, from) = (request.owner, request.from)
        let isOwn = owner.isSameBare(as: from)
        if isOwn, let account = host.accounts.cached(owner) {
            let home = engine.home(of: account)
            let place = engine.place(of: asked, in: request, at: home)
            return .async { await engine.answer(asked, at: home, for: from, place) }
        }
        return .async {
            do throws(StanzaError) {
                if isOwn {
                    guard let account = try await engine.account(owner) else { return .error(.serviceUnavailable) }
                    return await engine.answer(asked, at: engine.home(of: account), for: from, nil)
                }
                guard let home = try await home(owner, isOpenTo: from, for: asked) else {
                    return .error(Self.refusal(of: asked))
                }
                return await engine.answer(asked, at: home, for: from, nil)
            } catch {
                return .error(error)
            }
        }
    }

    /// What service discovery says of an account's nodes. Strangers see those that are open, and of an account that there is none
    /// of what they see of one without.
    @Sendable private func describe(_ question: inout Disco.AccountQuestion) -> Verdict {
        let (request, node, isAboutItems) = (question.request, question.node, question.isAboutItems)
        let (owner, from) = (request.owner, request.from)
        let query = request.payload
        question.reply = .async {
            do throws(StanzaError) {
                // What is wrong with the request is told whether there is an account or not.
                let filter = try PubSubEngine.NodeFilter(query)
                guard let account = try await engine.account(owner) else {
                    if node != nil { return .error(.itemNotFound) }
                    return .result { $0.element("query", .discoItems) }
                }
                let home = engine.home(of: account)
                guard let node else { return await engine.nodes(of: home, for: from, filter) }
                if isAboutItems {
                    let reply = await engine.itemIDs(of: node, at: home, for: from)
                    let isStranger = !home.isOwned(by: from) && !account.withRoster { $0.showsPresence(to: from) }
                    return isStranger && reply.error != nil ? .error(.itemNotFound) : reply
                }
                return await engine.describe(node, at: home, for: from)
            } catch {
                return .error(error)
            }
        }
        return .handled
    }

    /// The nodes of an account, for somebody else. Strangers are to see no difference between an account that there is none of,
    /// a node that there is none of, and one that is not for them; not by how long it takes either, so all is read each time.
    private func home(_ owner: JID, isOpenTo from: JID, for asked: PubSubRequest) async throws(StanzaError) -> NodeHome?
    {
        if let account = host.accounts.cached(owner), account.withRoster({ $0.showsPresence(to: from) }) {
            return engine.home(of: account)
        }
        let (exists, node) = try await engine.stored { () async throws(StorageError) in
            let exists = try await host.storage.account(owner) != nil
            let map = engine.nodes.map(PubSubEngine.allNodes, of: owner)
            return (exists, try await engine.nodes.get(map, key: asked.node ?? ""))
        }
        let account = exists ? try await engine.account(owner) : nil
        let home = account.map(engine.home)
        if let home, account?.withRoster({ $0.showsPresence(to: from) }) == true { return home }
        // What is not about one node has nothing of others in it. Where there is no account, there is nothing of anybody.
        if asked.isAboutAsker {
            return home ?? NodeHome(address: owner, owner: owner, account: nil, directory: NodeDirectory())
        }
        guard let home, let node else { return nil }
        let access = try await engine.access(of: from, to: node, home)
        let isOpen: Bool
        switch asked {
        case .publish, .retract: isOpen = access.publishError == nil
        case .items: isOpen = access.readError == nil || access.readError == NodeAccess.notSubscribed
        default: isOpen = access.subscribeError == nil
        }
        return isOpen ? home : nil
    }

    /// What strangers get who ask for what is not for them.
    private static func refusal(of asked: PubSubRequest) -> StanzaError {
        switch asked {
        case .items, .subscribe, .unsubscribe, .options, .setOptions: NodeAccess.presenceRequired
        default: .forbidden
        }
    }

    /// XEP-0060 §8.6: the owner of the account lets somebody subscribe.
    @Sendable private func authorize(_ event: inout StanzaContext) -> Verdict {
        guard event.stanza.type != .chat, let account = event.account, event.from.isSameBare(as: account.jid),
            event.to?.isFull != true,
            let form = PubSubEngine.authorization(in: event.stanza.element)
        else { return .go }
        let from = event.from
        return .wait { await engine.authorize(form, at: engine.home(of: account), by: from) }
    }
}

extension Host {
    /// The nodes of the host's accounts, for modules; nil: the host has none.
    var personalEventing: PersonalEventing? { module(PersonalEventing.self) }
}

/// What has changed at a node of an account.
struct NodeChange: Sendable {
    struct Item: Sendable {
        let id: String
        let payload: Element?
    }

    enum Kind: Sendable {
        case published([Item])
        case retracted([String])
        case purged
        case deleted
    }

    let account: AccountRecord
    let node: String
    let kind: Kind
    /// Who has changed it; nil: a module.
    let publisher: JID?
    let host: Host
}

// MARK: For modules

extension PersonalEventing {
    /// Publishes at a node of an account in the server's name; the node is made if there is none. Returns when it is stored.
    ///
    /// - Parameters:
    ///   - configuration: what a new node is to be like, by fields such as `pubsub#access_model`; a node that exists stays as it is.
    /// - Returns: why it was not; nil: it was.
    func publish(
        _ items: [NodeChange.Item], to node: String, of account: AccountRecord,
        configuration: [(name: String, values: [String])] = []
    ) async -> StanzaError? {
        do throws(StanzaError) {
            try await put(items, to: node, of: account, configuration)
            return nil
        } catch {
            return error
        }
    }

    /// Takes items back. Those that are not there are no error.
    func retract(_ ids: [String], from node: String, of account: AccountRecord) async -> StanzaError? {
        let error = await engine.retract(ids, of: node, notifying: true, at: engine.home(of: account), by: nil).error
        return error == .itemNotFound ? nil : error
    }

    /// Deletes a node. That there is none is no error.
    func delete(_ node: String, of account: AccountRecord) async -> StanzaError? {
        let error = await engine.delete(node, redirect: nil, at: engine.home(of: account), by: nil).error
        return error == .itemNotFound ? nil : error
    }

    /// Items of a node, the last first published first: as many of the newest as are asked for; none if there is no such node.
    func items(of node: String, of account: AccountRecord, newest: Int) async throws(StanzaError) -> [NodeChange.Item] {
        let home = engine.home(of: account)
        let query = MapQuery(engine.itemsMap(home, node), position: .last, limit: newest)
        let page = try await engine.stored { () async throws(StorageError) in try await engine.items.page(query) }
        return (page?.items ?? []).map { NodeChange.Item(id: $0.key, payload: $0.value.payload) }
    }

    /// One item of a node; nil: it is not there.
    func item(_ id: String, of node: String, of account: AccountRecord) async throws(StanzaError) -> NodeChange.Item? {
        let map = engine.itemsMap(engine.home(of: account), node)
        let found = try await engine.stored { () async throws(StorageError) in try await engine.items.get(map, key: id)
        }
        return found.map { NodeChange.Item(id: id, payload: $0.payload) }
    }

    /// How a node is configured; nil: there is none.
    func configuration(of node: String, of account: AccountRecord) async throws(StanzaError) -> NodeConfiguration? {
        try await engine.entry(node, engine.home(of: account))?.node.configuration
    }
}

extension Reply {
    /// Why something was refused.
    var error: StanzaError? {
        if case .error(let error) = self { error } else { nil }
    }
}
