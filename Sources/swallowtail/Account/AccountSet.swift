import ArgumentParser
import Foundation
import XMPPServer

/// `swallowtail account set`.
struct AccountSet: AdministrativeCommand {
    static let configuration = CommandConfiguration(commandName: "set", abstract: "Changes an account.")

    @OptionGroup var account: AccountNameOptions

    @Option(help: "A name like an e-mail address, by which people know the account; \"\" takes it away.")
    var accountID: String?

    @Option(help: "The name that others see.")
    var displayName: String?

    @Option(help: ArgumentHelp("A picture: PNG, JPEG or GIF, up to 64 KiB; \"\" takes it away.", valueName: "file"))
    var photo: String?

    @Option(help: "Whether messages are archived: on or off.")
    var keepHistory: Switch?

    @Flag(
        inversion: .prefixedNo,
        help: "Whether the account is marked as an administrator's. Nothing asks for that yet: it gives no right.")
    var admin: Bool?

    @OptionGroup var options: AdministrativeOptions

    func validate() throws {
        guard accountID != nil || displayName != nil || photo != nil || keepHistory != nil || admin != nil else {
            throw ValidationError("Say what is to be different.")
        }
    }

    func request(_ configuration: ServerConfiguration) throws -> AdministrationRequest {
        .setAccount(
            account: account.name,
            changes: AccountChanges(
                accountID: accountID,
                displayName: displayName,
                photo: try photo.map { $0.isEmpty ? Data() : try swallowtail.photo($0) },
                keepsHistory: keepHistory?.isOn,
                isAdministrator: admin
            ))
    }
}
