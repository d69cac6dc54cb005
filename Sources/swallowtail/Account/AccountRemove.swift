import ArgumentParser
import XMPPServer

/// `swallowtail account remove`.
struct AccountRemove: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Removes an account with all that belongs to it, also from the rosters of its contacts.")

    @OptionGroup var account: AccountNameOptions
    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .removeAccount(account: account.name)
    }
}
