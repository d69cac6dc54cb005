import ArgumentParser
import XMPPServer

/// The commands of a module, such as `swallowtail upload`. The server knows which there are, and what they are told.
struct ModuleCommand<Module: ServerModule>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: group?.name, abstract: group?.summary ?? "",
            discussion: """
                Without a command, lists those that there are, with their parameters. These are told in their order, or as \
                --NAME VALUE; one that is true or false as --NAME. A value of - is read from standard input.
                """)
    }

    private static var group: CommandSet? { Module.info.commands }

    @Argument(help: "The command.")
    var command: String?

    @Argument(parsing: .allUnrecognized, help: ArgumentHelp("What it is told.", valueName: "parameter"))
    var words: [String] = []

    @OptionGroup var options: AdministrativeOptions

    func run() async throws {
        guard let group = Self.group else { throw Failure("the module has no commands") }
        guard let command else { return try await list(group) }
        let words = words.map { $0 == "-" ? readLine() ?? "" : $0 }
        let reply = try await perform(CommandRequest(group.command(command), words: words))
        print(options.json ? try encoded(reply.result) : reply.text)
    }

    private func perform(_ request: CommandRequest) async throws -> CommandReply {
        let configuration = try options.configuration.load()
        let reply = try await Operator.perform(request, configuration) { storage in
            try await Operator.withServer(configuration, storage) { await $0.perform(request) }
        }
        guard reply.failure == nil else { throw Failure(reply.text) }
        return reply
    }

    private func list(_ group: CommandSet) async throws {
        guard case .list(let all)? = try await perform(CommandRequest("command-list")).result else {
            throw Failure("the server does not say which commands there are")
        }
        let found = all.filter { $0["name"]?.text.flatMap(group.name) != nil }
        guard !options.json else { return print(try encoded(CommandValue.list(found))) }
        var table = TextTable(["command", "parameters", "summary"])
        for command in found {
            var parameters: [String] = []
            if case .list(let names)? = command["parameters"] { parameters = names.compactMap(\.text) }
            table.add([
                command["name"]?.text.flatMap(group.name) ?? "", parameters.joined(separator: " "),
                command["summary"]?.text ?? "",
            ])
        }
        print(table.text(ifEmpty: "No host has the module \(Module.info.name)."))
    }
}

/// A subcommand for each module with commands.
enum ModuleCommands {
    static let all: [any ParsableCommand.Type] = AvailableModules.all.compactMap { command(of: $0) }

    private static func command<Module: ServerModule>(of module: Module.Type) -> (any ParsableCommand.Type)? {
        module.info.commands == nil ? nil : ModuleCommand<Module>.self
    }
}
