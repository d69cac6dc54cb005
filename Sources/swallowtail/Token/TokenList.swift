import ArgumentParser
import XMPPServer

/// `swallowtail token list`.
struct TokenList: AdministrativeCommand {
    static let command = "token-list"
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: Self.summary)

    @Argument(help: "The account: its address, its account id or the first part of its address.")
    var account: String?

    @OptionGroup var host: HostOption
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        ["account": CommandValue(account), "host": CommandValue(host.host)]
    }
}
