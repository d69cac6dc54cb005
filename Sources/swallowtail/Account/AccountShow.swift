import ArgumentParser
import XMPPServer

/// `swallowtail account show`.
struct AccountShow: AdministrativeCommand {
    static let command = "account-show"
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: Self.summary)

    @OptionGroup var account: AccountNameOptions
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        account.arguments
    }
}
