import ArgumentParser
import XMPPServer

/// `swallowtail pubsub list`.
struct PubSubList: AdministrativeCommand {
    static let command = "pubsub-list"
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists nodes.")

    @Option(help: "The name behind which the list begins.")
    var after: String?

    @OptionGroup var home: NodeHomeOptions
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        home.arguments.merging(["after": CommandValue(after)]) { $1 }
    }
}
