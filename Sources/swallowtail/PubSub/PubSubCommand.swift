import ArgumentParser
import XMPPServer

/// `swallowtail pubsub`.
struct PubSubCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pubsub",
        abstract: "Lists, shows, empties and deletes nodes of the publish-subscribe service, or of an account.",
        subcommands: [
            PubSubList.self, PubSubShow.self, PubSubPurge.self, PubSubDelete.self, PubSubExplain.self,
        ]
    )
}

/// Whose nodes are meant.
struct NodeHomeOptions: ParsableArguments {
    @Option(help: "The account whose nodes they are; without one, those of the host's service.")
    var account: String?

    @Option(help: ArgumentHelp("The host; without it, the only one with nodes.", valueName: "domain"))
    var host: String?

    /// The arguments of a command about them.
    var arguments: [String: CommandValue] { ["account": CommandValue(account), "host": CommandValue(host)] }
}

/// A node, and whose it is.
struct NodeOptions: ParsableArguments {
    @Argument(help: "The node's name.")
    var node: String

    @OptionGroup var home: NodeHomeOptions

    /// The arguments of a command about it.
    var arguments: [String: CommandValue] { home.arguments.merging(["node": .text(node)]) { $1 } }
}
