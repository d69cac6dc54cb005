import ArgumentParser
import XMPPServer

/// `swallowtail contact`.
struct ContactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contact",
        abstract: "Adds, removes and lists contacts.",
        subcommands: [ContactAdd.self, ContactRemove.self, ContactList.self]
    )
}

/// An account and one of its contacts.
struct ContactOptions: ParsableArguments {
    @Argument(help: "The account: its address, its account id or the first part of its address.")
    var account: String

    @Argument(help: "The contact, in the same way.")
    var contact: String

    @Option(help: ArgumentHelp("The host of both.", valueName: "domain"))
    var host: String?

    /// The arguments of a command for both.
    var arguments: [String: CommandValue] {
        ["account": .text(account), "contact": .text(contact), "host": CommandValue(host)]
    }
}
