import ArgumentParser
import XMPPServer

/// `swallowtail contact add`.
struct ContactAdd: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Makes two accounts contacts of each other, without an invitation.")

    @OptionGroup var names: ContactOptions
    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .addContact(account: names.accountName, contact: names.contactName)
    }
}
