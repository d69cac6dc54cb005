import ArgumentParser
import XMPPServer

/// `swallowtail pubsub explain`.
struct PubSubExplain: AdministrativeCommand {
    static let command = "pubsub-explain"
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Says whether somebody is told of what is published at a node, and why not.")

    @OptionGroup var node: NodeOptions

    @Argument(help: "The address of whoever should be told.")
    var reader: String

    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        node.arguments.merging(["reader": .text(reader)]) { $1 }
    }
}
