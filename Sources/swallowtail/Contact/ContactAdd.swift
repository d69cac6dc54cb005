import ArgumentParser
import XMPPServer

/// `swallowtail contact add`.
struct ContactAdd: AdministrativeCommand {
    static let command = "contact-add"
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: Self.summary)

    @OptionGroup var names: ContactOptions
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        names.arguments
    }
}
