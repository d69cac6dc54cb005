import ArgumentParser
import XMPPServer

/// `swallowtail app add`.
struct AppAdd: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Registers an app, which people may let into their accounts.")

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

    func request(_ configuration: ServerConfiguration) throws -> AdministrationRequest {
        .addApp(
            app: NewApp(
                host: host, id: id, name: name, redirects: redirect, scopes: try Scopes.known(scope, configuration),
                hasSecret: secret))
    }
}
