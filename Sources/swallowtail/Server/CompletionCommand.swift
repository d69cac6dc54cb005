import ArgumentParser
import Foundation
import XMPPServer

/// `swallowtail completion`.
struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Prints what lets a shell complete commands and options, or puts it where the shell looks for it.")

    /// A shell that can complete.
    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash
        case zsh
        case fish

        fileprivate var kind: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }

        /// The path of a user's completions, in the folder for data or for settings.
        fileprivate func file(_ environment: [String: String]) -> String {
            // An empty variable counts as not set.
            func folder(_ variable: String, _ standard: String) -> String {
                environment[variable].flatMap { $0.isEmpty ? nil : $0 } ?? "\(environment["HOME"] ?? "")/\(standard)"
            }
            let data = folder("XDG_DATA_HOME", ".local/share")
            return switch self {
            case .bash: "\(data)/bash-completion/completions/swallowtail"
            case .zsh: "\(data)/zsh/site-functions/_swallowtail"
            case .fish: "\(folder("XDG_CONFIG_HOME", ".config"))/fish/completions/swallowtail.fish"
            }
        }

        /// A note about further steps for the shell.
        fileprivate func remark(_ file: String) -> String {
            switch self {
            case .bash: "New shells use it, where the package bash-completion is installed."
            case .zsh:
                "It is used once ~/.zshrc has, above compinit:  fpath=(\((file as NSString).deletingLastPathComponent) $fpath)"
            case .fish: "New shells use it."
            }
        }
    }

    @Argument(help: "bash, zsh or fish; without it, the shell of this user.")
    var shell: Shell?

    @Flag(help: "Write it to the file that the shell reads, and say which one that is.")
    var install = false

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        let own = environment["SHELL"].flatMap { Shell(rawValue: ($0 as NSString).lastPathComponent) }
        guard let shell = shell ?? own else { throw Failure("say which shell: bash, zsh or fish") }
        let script = Swallowtail.completionScript(for: shell.kind)
        guard install else { return print(script) }
        let file = shell.file(environment)
        do {
            try FileManager.default.createDirectory(
                atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try script.write(toFile: file, atomically: true, encoding: .utf8)
        } catch {
            throw Failure("cannot write \(file): \(error.localizedDescription)")
        }
        print("Written to \(file). \(shell.remark(file))")
    }
}
