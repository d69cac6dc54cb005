import ArgumentParser
import XMPPServer

/// `swallowtail contact list`.
struct ContactList: AdministrativeCommand {
    static let command = "contact-list"
    static let configuration = CommandConfiguration(commandName: "list", abstract: Self.summary)

    @OptionGroup var account: AccountNameOptions
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        account.arguments
    }
}
