import Logging
import XMPP

extension Administration {
    /// The commands that exist without modules. Those of modules are in `Host.commands`.
    public static let commands: [Command] =
        accountCommands + tokenCommands + appCommands + contactCommands + invitationCommands + messageCommands
        + userCommands + serverCommands + exportCommands + backupCommands + [
            Command("command-list", "Lists the commands.", for: .administrator, isReading: true) { call in
                call.administration.commands(for: call.caller)
            }
        ]

    /// The commands that a caller may use.
    private func commands(for caller: CommandCall.Caller) -> [CommandInfo] {
        var found: [String: CommandInfo] = [:]
        for host in server.hosts.all where manages(host.domain) {
            for command in host.commands where caller.may(command, domains: domains) {
                found[command.name] = CommandInfo(command)
            }
        }
        return found.values.sorted { $0.name < $1.name }
    }

    /// Finds a command for the operator of the server. A module's command is that of the host in the arguments, or of
    /// the only host that has it.
    ///
    /// - Throws: `AdministrationError` if there is none, or more than one host has it.
    func command(_ name: String, _ arguments: inout [String: CommandValue]) throws -> Command {
        if let command = Self.commands.first(where: { $0.name == name }) { return command }
        let hosts = server.hosts.all.filter { host in host.commands.contains { $0.name == name } }
        guard !hosts.isEmpty else {
            let names = Set(server.hosts.all.flatMap(\.commands).map(\.name)).sorted()
            let fix = nearestWord(to: name, among: names).map { " — did you mean \"\($0)\"?" } ?? ""
            throw AdministrationError("there is no command \"\(name)\"\(fix)", .notFound)
        }
        let meant = try arguments.removeValue(forKey: CommandCall.host)?.text.map(domain)
        let named = hosts.filter { meant == nil || $0.domain == meant }
        guard let host = named.first, named.count == 1, let command = host.commands.first(where: { $0.name == name })
        else {
            let domains = hosts.map(\.domain).joined(separator: " or ")
            throw AdministrationError("several hosts have the command \(name); say --host \(domains)")
        }
        return command
    }

    /// What the words after a command's name say. A command has the same parameters on every host.
    private func arguments(_ name: String, _ words: [String]) throws -> [String: CommandValue] {
        let commands = Self.commands + server.hosts.all.flatMap(\.commands)
        return try commands.first { $0.name == name }.map { try CommandWords.arguments(words, of: $0) } ?? [:]
    }

    /// Performs a command for the operator of the server.
    public func perform(_ request: CommandRequest) async -> CommandReply {
        do {
            var arguments = request.arguments
            if let words = request.words { arguments = try self.arguments(request.command, words) }
            let command = try command(request.command, &arguments)
            return Self.reply(try await perform(command, arguments, for: .operatorOfServer))
        } catch {
            return Self.reply(error)
        }
    }

    /// Performs a command for a caller.
    ///
    /// - Throws: `AdministrationError`, and nothing else.
    public func perform(
        _ command: Command, _ arguments: [String: CommandValue], for caller: CommandCall.Caller
    ) async throws -> any CommandResult {
        guard caller.may(command, domains: domains) else {
            throw AdministrationError("you may not ask for this", .forbidden)
        }
        let names = command.parameters.map(\.name)
        if let unknown = arguments.keys.sorted().first(where: { !names.contains($0) }), unknown != CommandCall.host {
            let fix = nearestWord(to: unknown, among: names).map { " — did you mean \"\($0)\"?" } ?? ""
            throw AdministrationError("\(command.name) takes no \"\(unknown)\"\(fix)", at: unknown)
        }
        if case .account(let account, let host, _, _) = caller, !command.isReading {
            host.logger.info("command", metadata: ["name": "\(command.name)", "by": "\(account.jid)"])
        }
        do {
            return try await command.run(CommandCall(caller: caller, administration: self, arguments: arguments))
        } catch let error as AdministrationError {
            throw error
        } catch let error as StorageError {
            if case .account(_, let host, _, _) = caller { _ = host.report(error) }
            throw AdministrationError(error)
        } catch {
            throw AdministrationError("\(error)", .failed)
        }
    }

    /// The reply for a result.
    public static func reply(_ result: any CommandResult) -> CommandReply {
        CommandReply(result: result.value, text: result.text)
    }

    /// The reply for a failure.
    public static func reply(_ error: any Error) -> CommandReply {
        let error =
            error as? AdministrationError ?? (error as? StorageError).map { AdministrationError($0) }
            ?? AdministrationError("\(error)", .failed)
        return CommandReply(text: error.description, failure: error.kind, parameter: error.parameter)
    }
}
