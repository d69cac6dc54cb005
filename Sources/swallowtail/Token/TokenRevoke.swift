import ArgumentParser
import XMPPServer

/// `swallowtail token revoke`.
struct TokenRevoke: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Makes a token void and ends the sessions that it has opened.")

    @Argument(help: "The token itself, or its id as `token list` shows it.")
    var token: String

    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .revokeToken(token: token)
    }
}
