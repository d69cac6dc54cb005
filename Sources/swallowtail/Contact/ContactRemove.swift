import ArgumentParser
import XMPPServer

/// `swallowtail contact remove`.
struct ContactRemove: AdministrativeCommand {
    static let command = "contact-remove"
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: Self.summary)

    @OptionGroup var names: ContactOptions
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        names.arguments
    }
}
