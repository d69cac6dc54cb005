import XMPP

/// A service that a module provides in this process. It is declared like a host's behaviour: features, identities, IQ
/// handlers and hooks. Requests that it does not answer may be answered by the host's modules for all services, such as
/// service discovery. A handler that waits decides: those behind it are not asked.
public final class ModuleService: Service {
    /// A module's declaration of it.
    struct Declaration: Sendable {
        let label: String
        /// nil: the label and the host's domain.
        let domain: String?
        let name: String?
        let registrar: Registrar
    }

    public let domain: JID
    public let host: Host
    public let name: String?
    public let declarations: Declarations?
    private let messages: HookList<StanzaContext>
    private let presence: HookList<StanzaContext>
    private let requests: HookList<StanzaContext>

    init(_ declaration: Declaration, of host: Host) throws(ModuleConflict) {
        let name = declaration.domain ?? "\(declaration.label).\(host.domain)"
        guard let domain = JID(local: nil, domain: name, resource: nil) else {
            throw ModuleConflict("\(declaration.registrar.module): \"\(name)\" is no domain")
        }
        self.domain = domain
        self.host = host
        self.name = declaration.name
        let declarations = try Declarations([declaration.registrar])
        self.declarations = declarations
        messages = declarations.list(Hooks.messageToService)
        presence = declarations.list(Hooks.presenceToService)
        requests = declarations.list(Hooks.iqToService)
    }

    public func receive(_ event: inout StanzaContext) -> Verdict {
        let hooks: HookList<StanzaContext>
        switch event.stanza.kind {
        case .message: hooks = messages
        case .presence: hooks = presence
        case .iq: hooks = requests
        }
        switch hooks.run(&event, from: 0, to: hooks.entries.count) {
        case .passed: return .go
        case .handled: return .handled
        case .bounced(let error, _): return .bounce(error)
        case .waiting(_, let operation): return .wait(operation)
        case .keeping(let operation, _): return .keep(operation)
        }
    }

    public func stop() async {}
}
