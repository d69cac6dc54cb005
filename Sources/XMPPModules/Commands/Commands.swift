import XMPPServer

/// XEP-0050: Ad-Hoc Commands, and XEP-0133: Service Administration. The core and modules declare the commands
/// (`Registrar.command`); forms are made from their parameters. Administrators find theirs at the host and at their own
/// address.
struct Commands: ServerModule {
    static let info = ModuleInfo(
        "commands", implements: [.xep(50, "1.3.0"), .xep(133, "1.2.0")], requires: ["disco"],
        summary: "People have the host do something by commands in their clients, administrators with its accounts.")

    static let namespace = Namespace.commands

    private let host: Host
    private let sessions: CommandSessions

    init(host: Host, settings: NoSettings) {
        self.host = host
        sessions = CommandSessions(uptime: host.uptime)
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.clientIQ(.set, "command", Self.namespace, to: [.server, .ownAccount], needs: .chat, execute)
    }

    // MARK: Steps, §3

    private enum Action: String {
        case execute
        case next
        case prev
        case complete
        case cancel
    }

    @Sendable private func execute(_ request: ClientRequest) -> Reply {
        let payload = request.payload
        guard let node = payload["node"], let command = host.commands.first(where: { $0.node == node }),
            request.target == .server || command.audience != .person(command.rights)
        else { return .error(.itemNotFound) }
        guard Self.may(request.caller, command, host) else { return .error(.forbidden) }
        guard let action = Action(rawValue: payload["action"] ?? "execute") else {
            return .error(Self.error(.badRequest, "malformed-action"))
        }
        guard let id = payload["sessionid"] else { return begin(command, action, request) }
        switch sessions.take(id, of: request.from, node: node) {
        case .unknown: return .error(Self.error(.badRequest, "bad-sessionid"))
        case .expired: return .error(Self.error(.notAllowed, "session-expired"))
        case .found(let session): return proceed(session, action, request)
        }
    }

    private func begin(_ command: Command, _ action: Action, _ request: ClientRequest) -> Reply {
        guard action == .execute || action == .complete else { return .error(.badRequest) }
        let session = CommandSession(command, of: request.from)
        guard !session.pages.isEmpty else { return run(session, request) }
        return show(session)
    }

    private func proceed(_ session: CommandSession, _ action: Action, _ request: ClientRequest) -> Reply {
        var session = session
        var action = action
        if action == .execute { action = session.isLast ? .complete : .next }
        switch action {
        case .cancel:
            return .result { [session] in Self.write(session, status: "canceled", to: &$0) { _ in } }
        case .prev:
            guard session.page > 0 else { return keep(session, Self.error(.badRequest, "bad-action")) }
            session.page -= 1
            return show(session)
        case .next, .complete, .execute:
            guard action == .next ? !session.isLast : session.canComplete else {
                return keep(session, Self.error(.badRequest, "bad-action"))
            }
            do throws(AdministrationError) {
                try session.read(request.payload.child("x", .dataForms))
            } catch {
                return keep(session, Self.stanzaError(error))
            }
            guard action == .next else { return run(session, request) }
            session.page += 1
            return show(session)
        }
    }

    private func show(_ session: CommandSession) -> Reply {
        guard session.pages[session.page].contains(where: { $0.present != nil }),
            let administration = host.administration
        else { return show(session, [:]) }
        return .async {
            do {
                var present: [String: [String]] = [:]
                for parameter in session.pages[session.page] {
                    if let values = parameter.present { present[parameter.name] = try await values(administration) }
                }
                return show(session, present)
            } catch let error as StorageError {
                return .error(host.report(error))
            } catch {
                return .error(.internalServerError)
            }
        }
    }

    private func show(_ session: CommandSession, _ present: [String: [String]]) -> Reply {
        guard sessions.put(session) else { return .error(StanzaError(.resourceConstraint)) }
        return .result { writer in
            Self.write(session, status: "executing", to: &writer) { session.writeForm(present, to: &$0) }
        }
    }

    /// Refuses a step; the client may try it again.
    private func keep(_ session: CommandSession, _ error: StanzaError) -> Reply {
        _ = sessions.put(session)
        return .error(error)
    }

    private func run(_ session: CommandSession, _ request: ClientRequest) -> Reply {
        guard let administration = host.administration else { return .error(.serviceUnavailable) }
        return .async {
            do {
                let result = try await administration.perform(
                    session.command, session.arguments, for: request.caller)
                return .result { writer in
                    Self.write(session, status: "completed", to: &writer) {
                        result.form.write(session.command, to: &$0)
                    }
                }
            } catch {
                let error = error as? AdministrationError ?? AdministrationError("\(error)", .failed)
                return session.pages.isEmpty
                    ? .error(Self.stanzaError(error)) : keep(session, Self.stanzaError(error))
            }
        }
    }

    private static func write(
        _ session: CommandSession, status: StaticString, to writer: inout XMLWriter, _ body: (inout XMLWriter) -> Void
    ) {
        writer.start("command", namespace)
        writer.attribute("node", session.command.node)
        writer.attribute("sessionid", session.id)
        writer.attribute("status", status)
        body(&writer)
        writer.end()
    }

    // MARK: Errors, §3.4

    private static func error(_ condition: StanzaError.Condition, _ detail: StaticString) -> StanzaError {
        StanzaError(condition, detail: .init(detail, namespace))
    }

    private static func stanzaError(_ error: AdministrationError) -> StanzaError {
        switch error.kind {
        case .invalid:
            StanzaError(.badRequest, text: error.description, detail: .init("bad-payload", namespace))
        case .notFound: StanzaError(.itemNotFound, text: error.description)
        case .conflict: StanzaError(.conflict, text: error.description)
        case .forbidden: .forbidden
        case .busy: StanzaError(.resourceConstraint)
        // The reason is in the log only.
        case .failed: .internalServerError
        }
    }

    // MARK: What service discovery says, §2

    private static func may(_ caller: CommandCall.Caller?, _ command: Command, _ host: Host) -> Bool {
        caller?.may(command, domains: host.administration?.domains ?? []) ?? false
    }

    /// The identity of a node: the list of commands, or one command; nil: neither, for this asker.
    static func identity(of node: String, _ request: IQRequest) -> Registrar.Identity? {
        let commands = offered(request)
        if node == namespace.name, !commands.isEmpty { return .init(category: "automation", type: "command-list") }
        return commands.first { $0.node == node }
            .map { .init(category: "automation", type: "command-node", name: $0.title) }
    }

    /// The commands for the asker: none for clients of other hosts, or without this module; at an account's own address
    /// those for administrators only.
    static func offered(_ request: IQRequest) -> [Command] {
        guard [.server, .ownAccount].contains(request.target), let caller = request.caller,
            request.host.features.contains(namespace)
        else { return [] }
        return request.host.commands.filter { command in
            may(caller, command, request.host)
                && (request.target == .server || command.audience != .person(command.rights))
        }
    }
}

extension Command {
    /// The rights that a person's command needs; none for others.
    fileprivate var rights: SessionRights {
        if case .person(let rights) = audience { rights } else { [] }
    }
}
