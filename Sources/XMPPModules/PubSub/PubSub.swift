import XMPPServer

/// XEP-0060: Publish-Subscribe: nodes at an address of their own, which people of the host make and others subscribe to.
struct PubSub: ServerModule {
    static let info = ModuleInfo(
        "pubsub", implements: [.xep(60, "1.30.0"), .xep(413, "0.2.1"), .xep(462, "0.1.1"), .xep(465, "0.1.1")],
        requires: ["disco"],
        summary: "People publish at nodes that others subscribe to.",
        commands: CommandSet("pubsub", "Lists, shows, empties, deletes and explains nodes."))

    /// Who may make nodes.
    enum Creators: String, CaseIterable, Sendable {
        case people
        case administrators
    }

    struct Settings: ModuleSettings {
        let domain: String?
        let creators: Creators
        let limits: PubSubLimits

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            domain = section.optionalString("domain", "The service's domain; without it `pubsub.` and the host's.")
            creators = section.choice(
                "creators", default: .people, "Who may make nodes: all `people` of the host, or `administrators` alone."
            )
            limits = PubSubLimits(
                nodes: section.integer(
                    "nodes", default: 100, in: 1...1_000_000,
                    "How many nodes an account may make. They count until they are deleted, whoever owns them."),
                items: section.integer(
                    "items", default: 1000, in: 1...100_000, "How many items a node keeps at most."),
                bytes: section.byteCount(
                    "bytes", default: 8 << 20, in: 64 << 10...1 << 30, "How much the items of a node may take together."
                ),
                subscriptions: section.integer(
                    "subscriptions", default: 500, in: 1...100_000, "How many nodes somebody may subscribe to."))
        }
    }

    /// Nodes that are kept in memory.
    private static let capacity = 2_000

    private let host: Host
    private let settings: Settings
    let engine: PubSubEngine
    private let directory = NodeDirectory(capacity: Self.capacity)

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
        engine = PubSubEngine(host: host, limits: settings.limits, defaults: .service)
    }

    func register(_ registrar: inout Registrar) {
        registrar.service("pubsub", at: settings.domain, name: "Publish-subscribe") { service in
            service.identity(category: "pubsub", type: "service")
            for feature in PubSubFeatures.service { service.feature(feature) }
            for kind in [IQRequest.Kind.get, .set] {
                for namespace in [Namespace.pubSub, .pubSubOwner] {
                    service.iq(kind, "pubsub", namespace, to: .server, needs: .chat, answer)
                }
            }
            service.feature(Commands.namespace)
            service.iq(.set, "command", Commands.namespace, to: .server, needs: .chat, command)
            service.iq(.get, "query", .discoInfo, to: .server, needs: .chat, describe)
            service.iq(.get, "query", .discoItems, to: .server, needs: .chat, list)
            service.on(Hooks.messageToService, .deliver, receive)
        }
        registrar.on(Hooks.accountRemoved, .deliver) { [directory] _ in
            // What was of it is gone from the storage.
            directory.forgetAll()
            return .go
        }
        PubSubCommands(host: host) { home.map { (engine, $0) } }.register(&registrar)
        registrar.job(every: .seconds(300)) {
            await engine.removeExpired()
            if let home { await engine.endSubscriptions(at: home) }
        }
    }

    /// nil: its domain is none.
    var home: NodeHome? {
        JID(local: nil, domain: settings.domain ?? "pubsub.\(host.domain)", resource: nil).map {
            .service(of: host, at: $0, directory)
        }
    }

    // MARK: Requests

    @Sendable private func answer(_ request: IQRequest) -> Reply {
        let asked: PubSubRequest
        do throws(StanzaError) { asked = try PubSubRequest(request) } catch { return .error(error) }
        guard let home else { return .error(.internalServerError) }
        let from = request.from
        let place = engine.place(of: asked, in: request, at: home)
        if case .create = asked {
            guard from.isSameDomain(as: host.jid) else { return .error(.forbidden) }
            return .async {
                if let error = await refusal(of: from) { return .error(error) }
                return await engine.answer(asked, at: home, for: from, place)
            }
        }
        return .async { await engine.answer(asked, at: home, for: from, place) }
    }

    /// Why somebody of the host may not make nodes.
    private func refusal(of creator: JID) async -> StanzaError? {
        guard settings.creators == .administrators else { return nil }
        switch await host.find(creator) {
        case .success(let record): return record?.account.isAdministrator == true ? nil : .forbidden
        case .failure(let error): return error
        }
    }

    @Sendable private func command(_ request: IQRequest) -> Reply {
        guard request.payload["node"] == PubSubEngine.pendingCommand.name, let home else {
            return .error(.itemNotFound)
        }
        let (command, from) = (request.payload, request.from)
        return .async { await engine.pending(command, at: home, for: from) }
    }

    @Sendable private func describe(_ request: IQRequest) -> Reply {
        guard let node = request.payload["node"] else { return Disco.describe(request.service) }
        if node == PubSubEngine.pendingCommand.name {
            return .result { writer in
                writer.element("query", .discoInfo, ["node": node]) { writer in
                    writer.element(
                        "identity", nil,
                        ["category": "automation", "type": "command-node", "name": PubSubEngine.pendingTitle])
                    writer.element("feature", nil, ["var": Commands.namespace.name])
                    writer.element("feature", nil, ["var": Namespace.dataForms.name])
                }
            }
        }
        guard let home else { return .error(.itemNotFound) }
        let from = request.from
        return .async { await engine.describe(node, at: home, for: from) }
    }

    @Sendable private func list(_ request: IQRequest) -> Reply {
        guard let home else { return .error(.itemNotFound) }
        let (query, from) = (request.payload, request.from)
        if query["node"] == Commands.namespace.name {
            return .result { writer in
                writer.element("query", .discoItems, ["node": Commands.namespace.name]) { writer in
                    writer.element(
                        "item", nil,
                        [
                            "jid": home.address.string, "node": PubSubEngine.pendingCommand.name,
                            "name": PubSubEngine.pendingTitle,
                        ])
                }
            }
        }
        return .async {
            guard let node = query["node"] else { return await engine.page(of: home, for: from, query) }
            return await engine.itemIDs(of: node, at: home, for: from)
        }
    }

    /// XEP-0060 §8.6: an owner lets somebody subscribe.
    @Sendable private func receive(_ event: inout StanzaContext) -> Verdict {
        // Notifications that could not be delivered come back.
        guard event.stanza.type != .error else { return .handled }
        guard let home, let form = PubSubEngine.authorization(in: event.stanza.element) else { return .go }
        let from = event.from
        return .wait { await engine.authorize(form, at: home, by: from) }
    }
}
