import ArgumentParser
import XMPPServer

/// `swallowtail account password`.
struct AccountPassword: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "password", abstract: "Sets an account's password and ends its sessions.")

    @OptionGroup var account: AccountNameOptions
    @OptionGroup var password: PasswordOptions
    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) throws -> AdministrationRequest {
        .setPassword(account: account.name, password: try password.read())
    }
}
