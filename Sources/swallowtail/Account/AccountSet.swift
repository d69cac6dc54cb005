import ArgumentParser
import Foundation
import XMPPServer

/// `swallowtail account set`.
struct AccountSet: AdministrativeCommand {
    static let command = "account-set"
    static let configuration = CommandConfiguration(commandName: "set", abstract: Self.summary)

    @OptionGroup var account: AccountNameOptions

    @Option(help: "A name like an e-mail address, by which people know the account; \"\" takes it away.")
    var accountID: String?

    @Option(help: "The name that others see.")
    var displayName: String?

    @Option(
        help: ArgumentHelp("A picture: PNG, JPEG, GIF or WebP, up to 64 KiB; \"\" takes it away.", valueName: "file"))
    var photo: String?

    @Option(help: "Whether messages are archived: on or off.")
    var keepHistory: Switch?

    @Flag(
        inversion: .prefixedNo,
        help: "Whether the account is an administrator: it may manage the accounts of its host.")
    var admin: Bool?

    @OptionGroup var options: AdministrativeOptions

    func validate() throws {
        guard accountID != nil || displayName != nil || photo != nil || keepHistory != nil || admin != nil else {
            throw ValidationError("Say what is to be different.")
        }
    }

    func arguments(_ configuration: ServerConfiguration) throws -> [String: CommandValue] {
        account.arguments.merging([
            "account-id": CommandValue(accountID),
            "display-name": CommandValue(displayName),
            "photo": CommandValue(
                try photo.map { $0.isEmpty ? [] : try swallowtail.photo($0) }.map(Base64.encode)),
            "keep-history": (keepHistory?.isOn).map { .boolean($0) } ?? .null,
            "admin": admin.map { .boolean($0) } ?? .null,
        ]) { $1 }
    }
}
