import ArgumentParser
import XMPPServer

/// `swallowtail account remove`.
struct AccountRemove: AdministrativeCommand {
    static let command = "account-remove"
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: Self.summary)

    @OptionGroup var account: AccountNameOptions
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        ["accounts": .list([.text(account.account)]), "host": CommandValue(account.host.host)]
    }
}
