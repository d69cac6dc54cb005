import ArgumentParser
import XMPPServer

/// `swallowtail account list`.
struct AccountList: AdministrativeCommand {
    static let command = "account-list"
    static let configuration = CommandConfiguration(commandName: "list", abstract: Self.summary)

    @Option(help: ArgumentHelp("Only the accounts of this host.", valueName: "domain"))
    var host: String?

    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        ["host": CommandValue(host)]
    }
}
