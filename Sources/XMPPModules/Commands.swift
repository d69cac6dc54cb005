import XMPPServer

/// XEP-0050: Ad-Hoc Commands, in so far as they are done in one step. What there is to be done, other modules declare
/// (`Registrar.command`).
struct Commands: ServerModule {
    static let info = ModuleInfo(
        "commands", implements: [.xep(50, "1.3.0")], requires: ["disco"],
        summary: "People have the host do something by commands in their clients.")

    static let namespace: Namespace = "http://jabber.org/protocol/commands"

    private let host: Host

    init(host: Host, settings: NoSettings) {
        self.host = host
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.clientIQ(.set, "command", Self.namespace, to: .server, needs: .chat, execute)
    }

    @Sendable private func execute(_ request: ClientRequest) -> Reply {
        let payload = request.payload
        guard let node = payload["node"], let command = host.commands.first(where: { $0.node == node }) else {
            return .error(.itemNotFound)
        }
        guard request.rights.isSuperset(of: command.needs) else { return .error(.forbidden) }
        // §3.4: there is no other step to go to, and no execution under way that could be cancelled.
        guard payload["sessionid"] == nil, ["execute", "complete", nil].contains(payload["action"]) else {
            return .error(.badRequest)
        }
        return .async {
            switch await command.run(request.session) {
            case .failure(let error): .error(error)
            case .success(let outcome): .result { Self.write(outcome, of: command, to: &$0) }
            }
        }
    }

    private static func write(_ outcome: HostCommand.Outcome, of command: HostCommand, to writer: inout XMLWriter) {
        writer.start("command", namespace)
        writer.attribute("node", command.node)
        writer.attribute("sessionid", SecureRandom.text(length: 16))
        writer.attribute("status", "completed" as StaticString)
        writer.element("x", .dataForms, ["type": "result"]) { writer in
            writer.element("field", nil, ["var": "FORM_TYPE", "type": "hidden"]) {
                $0.element("value", text: outcome.formType)
            }
            for (name, value) in outcome.fields {
                writer.element("field", nil, ["var": name, "type": "text-single"]) { $0.element("value", text: value) }
            }
        }
        writer.end()
    }

    // MARK: What service discovery says, §2

    /// What a node is: the list of commands, or one; nil: neither, for who asks.
    static func identity(of node: String, _ request: IQRequest) -> Registrar.Identity? {
        let commands = offered(request)
        if node == namespace.name, !commands.isEmpty { return .init(category: "automation", type: "command-list") }
        return commands.first { $0.node == node }
            .map { .init(category: "automation", type: "command-node", name: $0.name) }
    }

    /// The commands for who asks: none for clients of others, nor without this module.
    static func offered(_ request: IQRequest) -> [HostCommand] {
        guard request.isFromClient, request.host.features.contains(namespace) else { return [] }
        return request.host.commands.filter { request.rights.isSuperset(of: $0.needs) }
    }
}
