import ArgumentParser
import XMPPServer

/// `swallowtail app remove`.
struct AppRemove: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Removes an app and signs it out wherever it is signed in.")

    @Argument(help: "The app's id, as `app list` shows it.")
    var id: String

    @Option(help: ArgumentHelp("The host; without it, the only one with such an app.", valueName: "domain"))
    var host: String?

    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .removeApp(id: id, host: host)
    }
}
