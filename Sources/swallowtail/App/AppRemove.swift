import ArgumentParser
import XMPPServer

/// `swallowtail app remove`.
struct AppRemove: AdministrativeCommand {
    static let command = "app-remove"
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: Self.summary)

    @Argument(help: "The app's id, as `app list` shows it.")
    var id: String

    @Option(help: ArgumentHelp("The host; without it, the only one with such an app.", valueName: "domain"))
    var host: String?

    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        ["id": .text(id), "host": CommandValue(host)]
    }
}
