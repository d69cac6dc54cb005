import ArgumentParser
import XMPPServer

/// The name of an account.
struct AccountNameOptions: ParsableArguments {
    @Argument(help: "The account: its address, its account id or the first part of its address.")
    var account: String

    @OptionGroup var host: HostOption

    /// The arguments of a command for it.
    var arguments: [String: CommandValue] { ["account": .text(account), "host": CommandValue(host.host)] }
}

/// The host of accounts.
struct HostOption: ParsableArguments {
    @Option(help: ArgumentHelp("The host of the account.", valueName: "domain"))
    var host: String?
}
