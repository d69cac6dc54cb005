import ArgumentParser
import XMPPServer

/// `swallowtail account show`.
struct AccountShow: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows an account and, while the server runs, its sessions.")

    @OptionGroup var account: AccountNameOptions
    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .showAccount(account: account.name)
    }
}
