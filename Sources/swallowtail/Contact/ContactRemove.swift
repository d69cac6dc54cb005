import ArgumentParser
import XMPPServer

/// `swallowtail contact remove`.
struct ContactRemove: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Removes two accounts from each other's contacts.")

    @OptionGroup var names: ContactOptions
    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .removeContact(account: names.accountName, contact: names.contactName)
    }
}
