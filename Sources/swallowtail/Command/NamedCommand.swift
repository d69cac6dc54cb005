import ArgumentParser
import XMPPServer

/// `swallowtail command`: any command, including those of modules without a subcommand.
struct NamedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "command",
        abstract: "Has the server perform a command by its name; without one, lists those that there are.",
        discussion: """
            A parameter is told as NAME=VALUE, one with several values several times. A value of - is read from standard \
            input, so that others on this machine do not see it.
            """)

    @Argument(help: "The command's name.")
    var name: String?

    @Argument(help: ArgumentHelp("What it is told.", valueName: "parameter=value"))
    var parameters: [String] = []

    @OptionGroup var options: AdministrativeOptions

    func run() async throws {
        let request = CommandRequest(name ?? "command-list", try arguments())
        let configuration = try options.configuration.load()
        let reply = try await Operator.perform(request, configuration) { storage in
            try await Operator.withServer(configuration, storage) { await $0.perform(request) }
        }
        guard reply.failure == nil else { throw Failure(reply.text) }
        print(options.json ? try encoded(reply.result) : reply.text)
    }

    private func arguments() throws -> [String: CommandValue] {
        var values: [String: [String]] = [:]
        for parameter in parameters {
            let parts = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw ValidationError("\"\(parameter)\" is no parameter; write NAME=VALUE.") }
            let value = parts[1] == "-" ? readLine() ?? "" : String(parts[1])
            values[String(parts[0]), default: []].append(value)
        }
        return values.mapValues { $0.count == 1 ? .text($0[0]) : CommandValue($0) }
    }
}
