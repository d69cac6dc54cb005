import ArgumentParser
import XMPPServer

/// `swallowtail pubsub delete`.
struct PubSubDelete: AdministrativeCommand {
    static let command = "pubsub-delete"
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Deletes a node with all its items.")

    @OptionGroup var node: NodeOptions
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] { node.arguments }
}
