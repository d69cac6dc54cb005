import ArgumentParser
import XMPPServer

/// `swallowtail pubsub show`.
struct PubSubShow: AdministrativeCommand {
    static let command = "pubsub-show"
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows how a node is configured, and how much is in it.")

    @OptionGroup var node: NodeOptions
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] { node.arguments }
}
