import ArgumentParser
import XMPPServer

/// Names one account.
struct AccountNameOptions: ParsableArguments {
    @Argument(help: "The account: its address, its account id or the first part of its address.")
    var account: String

    @OptionGroup var host: HostOption

    /// What names the account in a command.
    var arguments: [String: CommandValue] { ["account": .text(account), "host": CommandValue(host.host)] }
}

/// Names the host of accounts.
struct HostOption: ParsableArguments {
    @Option(help: ArgumentHelp("The host of the account.", valueName: "domain"))
    var host: String?
}
