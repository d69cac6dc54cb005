import ArgumentParser
import XMPPServer

/// `swallowtail token list`.
struct TokenList: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the tokens of an account, or of all accounts.")

    @Argument(help: "The account: its address, its account id or the first part of its address.")
    var account: String?

    @OptionGroup var host: HostOption
    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .listTokens(account: account.map(host.name))
    }
}
