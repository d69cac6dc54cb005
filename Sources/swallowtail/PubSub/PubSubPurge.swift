import ArgumentParser
import XMPPServer

/// `swallowtail pubsub purge`.
struct PubSubPurge: AdministrativeCommand {
    static let command = "pubsub-purge"
    static let configuration = CommandConfiguration(commandName: "purge", abstract: "Removes all items of a node.")

    @OptionGroup var node: NodeOptions
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] { node.arguments }
}
