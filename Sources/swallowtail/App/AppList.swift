import ArgumentParser
import XMPPServer

/// `swallowtail app list`.
struct AppList: AdministrativeCommand {
    static let command = "app-list"
    static let configuration = CommandConfiguration(commandName: "list", abstract: Self.summary)

    @Option(help: ArgumentHelp("The host; without it, all of them.", valueName: "domain"))
    var host: String?

    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        ["host": CommandValue(host)]
    }
}
