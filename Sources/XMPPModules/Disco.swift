import XMPPServer

/// XEP-0030: Service Discovery of the declarations of a host's modules.
struct Disco: ServerModule {
    static let info = ModuleInfo(
        "disco", implements: [.xep(30, "2.5.0")], summary: "Says what the host can do.")

    /// The entity that a request without an address is about.
    enum Subject: String, CaseIterable, Sendable {
        case account
        case host
    }

    struct Settings: ModuleSettings {
        let subject: Subject

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            subject = section.choice(
                "without-address", default: .account,
                "Whom a request without an address is about: the sender's `account`, as RFC 6120 has it, or the `host`, as "
                    + "clients of the Messenger service expected.")
        }
    }

    /// Somebody asks about an account, or a node of it, what this module does not know: a handler may answer.
    static let accountAsked = HookPoint<AccountQuestion>("accountAsked")

    struct AccountQuestion: Sendable {
        let request: IQRequest
        /// nil: about the account itself.
        let node: String?
        /// Whether items are asked for, and not what it is.
        let isAboutItems: Bool
        /// The answer, if a handler has one. After `item-not-found` about a node, a component is asked (XEP-0355).
        var reply: Reply?
    }

    private let host: Host
    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(.discoInfo)
        registrar.identity(category: "server", type: "im")
        registrar.iq(.get, "query", .discoInfo, to: .server, needs: .chat, describeHost)
        registrar.iq(.get, "query", .discoInfo, to: [.ownAccount, .account], needs: .chat, describeAccount)
        registrar.iq(.get, "query", .discoInfo, to: .service, needs: .chat, describeService)
        registrar.iq(.get, "query", .discoItems, to: [.server, .ownAccount, .account], needs: .chat, items)
    }

    @Sendable private func describeHost(_ request: IQRequest) -> Reply {
        let node = request.payload["node"]
        var description = DiscoDescription(of: host)
        if let node, let identity = Commands.identity(of: node, request) {
            description = DiscoDescription([identity], [Commands.namespace, .dataForms])
        } else if let node, !EntityCapabilities.describes(node, host) {
            return .error(.itemNotFound)
        }
        return .result { [description] writer in
            writer.start("query", .discoInfo)
            if let node { writer.attribute("node", node) }
            description.write(to: &writer)
            writer.end()
        }
    }

    @Sendable private func describeService(_ request: IQRequest) -> Reply {
        guard request.target == .server, request.payload["node"] == nil else { return .error(.itemNotFound) }
        return Self.describe(request.service)
    }

    /// What a service that a module serves is and can.
    static func describe(_ service: (any Service)?) -> Reply {
        guard let declarations = service?.declarations else { return .error(.itemNotFound) }
        return .result { writer in
            writer.element("query", .discoInfo) { writer in
                DiscoDescription(
                    declarations.identities, [.discoInfo] + declarations.features, declarations.information
                ).write(to: &writer)
            }
        }
    }

    /// Strangers get the same answer as for an account that does not exist.
    @Sendable private func describeAccount(_ request: IQRequest) -> Reply {
        if request.to == nil, settings.subject == .host { return describeHost(request) }
        return request.answer(if: \.hasFrom, else: .serviceUnavailable) {
            if let node = request.payload["node"] {
                guard let identity = Commands.identity(of: node, request) else {
                    return answer(request, node: node, isAboutItems: false) ?? .error(.itemNotFound)
                }
                return .result { writer in
                    writer.start("query", .discoInfo)
                    writer.attribute("node", node)
                    DiscoDescription([identity], [Commands.namespace, .dataForms]).write(to: &writer)
                    writer.end()
                }
            }
            return .result { writer in
                writer.element("query", .discoInfo) { DiscoDescription(ofAccountsOf: host).write(to: &$0) }
            }
        }
    }

    /// The answer about an account of a module, or of a component to which it is delegated (XEP-0355 §5.2): items before
    /// those of modules, other nodes behind. nil: there is none.
    private func answer(_ request: IQRequest, node: String?, isAboutItems: Bool) -> Reply? {
        if isAboutItems, let reply = delegated(request, Delegation.items) { return reply }
        var question = AccountQuestion(request: request, node: node, isAboutItems: isAboutItems)
        host.fire(Self.accountAsked, &question)
        let known = question.reply
        guard !isAboutItems, let fromComponent = delegated(request, Delegation.unknownNodes) else { return known }
        guard let known else { return fromComponent }
        return .async {
            var reply = known
            while case .async(let operation) = reply { reply = await operation() }
            return reply.error == .itemNotFound ? fromComponent : reply
        }
    }

    private func delegated(_ request: IQRequest, _ part: String) -> Reply? {
        let service = host.services.first { service in service.delegations.contains { $0.namespace == part } }
        return service?.answer(delegated: request)
    }

    /// The host lists its services and commands, an administrator's own address the commands for administrators, other
    /// accounts what modules answer; the same for accounts that do not exist, XEP-0030 §8.
    @Sendable private func items(_ request: IQRequest) -> Reply {
        let node = request.payload["node"]
        if request.target != .server, node != Commands.namespace.name,
            let reply = answer(request, node: node, isAboutItems: true)
        {
            return reply
        }
        let commands = node == Commands.namespace.name ? Commands.offered(request) : []
        let services = request.target == .server && node == nil ? host.services : []
        let address = request.target == .server ? host.domain : request.owner.string
        return .result { writer in
            writer.start("query", .discoItems)
            if let node { writer.attribute("node", node) }
            for service in services {
                writer.element("item", nil, ["jid": service.domain.domain, "name": service.name])
            }
            for command in commands {
                writer.element("item", nil, ["jid": address, "node": command.node, "name": command.title])
            }
            writer.end()
        }
    }
}
