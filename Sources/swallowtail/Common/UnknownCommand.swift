import ArgumentParser
import XMPPServer

/// An unknown subcommand.
enum UnknownCommand {
    /// The error message; nil: all subcommands are known.
    static func complaint(_ arguments: some Sequence<String>, root: any ParsableCommand.Type) -> String? {
        var path = [name(of: root)]
        var command = root
        for word in arguments {
            let commands = command.configuration.subcommands
            guard !commands.isEmpty, !word.hasPrefix("-") else { return nil }
            if let next = commands.first(where: { name(of: $0) == word }) {
                path.append(word)
                command = next
                continue
            }
            // With a default subcommand, the word may be its argument.
            guard command.configuration.defaultSubcommand == nil else { return nil }
            let names = commands.map(name) + ["help"]
            let fix =
                nearestWord(to: word, among: names).map { "did you mean \"\($0)\"?" }
                ?? "there are \(names.joined(separator: ", "))"
            return "\(path.joined(separator: " ")) has no command \"\(word)\" — \(fix)"
        }
        return nil
    }

    private static func name(of command: any ParsableCommand.Type) -> String {
        command.configuration.commandName ?? "\(command)".lowercased()
    }
}
