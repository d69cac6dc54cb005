import ArgumentParser
import Foundation
import XMPPServer

/// The command line: one subcommand runs the server, the others administer it.
@main
struct Swallowtail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swallowtail",
        abstract: "An XMPP server.",
        version: "\(Software.name) \(Software.version)",
        subcommands: [
            Init.self, Serve.self, Check.self, Plan.self, Reload.self, AccountCommand.self, TokenCommand.self,
            AppCommand.self,
            ContactCommand.self, InviteCommand.self, NamedCommand.self, ModulesCommand.self, ConfigCommand.self,
            Explain.self, Backup.self, Restore.self, CompletionCommand.self,
        ] + ModuleCommands.all
    )

    /// An error is one line on standard error; wrong usage is explained.
    static func main() async {
        var command: any ParsableCommand
        do {
            command = try parseAsRoot()
        } catch {
            if let complaint = UnknownCommand.complaint(CommandLine.arguments.dropFirst(), root: Self.self) {
                FileHandle.standardError.write(Data("swallowtail: \(complaint)\n".utf8))
                exit(withError: ExitCode.validationFailure)
            }
            exit(withError: error)
        }
        do {
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            if !failure.reason.isEmpty { FileHandle.standardError.write(Data("swallowtail: \(failure.reason)\n".utf8)) }
            exit(withError: ExitCode.failure)
        } catch {
            exit(withError: error)
        }
    }
}
