import ArgumentParser
import XMPPServer

/// `swallowtail account password`.
struct AccountPassword: AdministrativeCommand {
    static let command = "account-password"
    static let configuration = CommandConfiguration(
        commandName: "password", abstract: Self.summary)

    @OptionGroup var account: AccountNameOptions
    @OptionGroup var password: PasswordOptions
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) throws -> [String: CommandValue] {
        account.arguments.merging(["password": CommandValue(try password.read())]) { $1 }
    }
}
