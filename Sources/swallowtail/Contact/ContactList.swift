import ArgumentParser
import XMPPServer

/// `swallowtail contact list`.
struct ContactList: AdministrativeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists an account's contacts.")

    @OptionGroup var account: AccountNameOptions
    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .listContacts(account: account.name)
    }
}
