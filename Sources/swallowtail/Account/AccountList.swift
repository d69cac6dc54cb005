import ArgumentParser
import XMPPServer

/// `swallowtail account list`.
struct AccountList: AdministrativeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists accounts.")

    @Option(help: ArgumentHelp("Only the accounts of this host.", valueName: "domain"))
    var host: String?

    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .listAccounts(host: host)
    }
}
