import ArgumentParser
import XMPPServer

/// `swallowtail token revoke`.
struct TokenRevoke: AdministrativeCommand {
    static let command = "token-revoke"
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: Self.summary)

    @Argument(help: "The token itself, or its id as `token list` shows it.")
    var token: String

    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        ["token": .text(token)]
    }
}
