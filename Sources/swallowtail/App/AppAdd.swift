import ArgumentParser
import XMPPServer

/// `swallowtail app add`.
struct AppAdd: AdministrativeCommand {
    static let command = "app-add"
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: Self.summary)

    @Argument(help: "What people know the app by.")
    var name: String

    @Option(help: ArgumentHelp("The host whose people it may ask.", valueName: "domain"))
    var host: String?

    @Option(help: "The id by which the app asks; without it, a random one.")
    var id: String?

    @Option(help: ArgumentHelp("Where people are sent back to; may be repeated.", valueName: "address"))
    var redirect: [String] = []

    @Option(help: "What the app may ask for; may be repeated. Without it, all that there is.")
    var scope: [String] = []

    @Flag(help: "Give it a secret, which is shown this once: for services that can keep one.")
    var secret = false

    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) throws -> [String: CommandValue] {
        [
            "name": .text(name), "host": CommandValue(host), "id": CommandValue(id), "redirect": CommandValue(redirect),
            "scope": CommandValue(try Scopes.known(scope, configuration)), "secret": .boolean(secret),
        ]
    }
}
