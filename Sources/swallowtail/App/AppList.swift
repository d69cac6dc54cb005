import ArgumentParser
import XMPPServer

/// `swallowtail app list`.
struct AppList: AdministrativeCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists the apps.")

    @Option(help: ArgumentHelp("The host; without it, all of them.", valueName: "domain"))
    var host: String?

    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .listApps(host: host)
    }
}
