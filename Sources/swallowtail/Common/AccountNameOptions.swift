import ArgumentParser
import XMPPServer

/// Names one account.
struct AccountNameOptions: ParsableArguments {
    @Argument(help: "The account: its address, its account id or the first part of its address.")
    var account: String

    @OptionGroup var host: HostOption

    var name: AccountName { host.name(account) }
}

/// Names the host of accounts.
struct HostOption: ParsableArguments {
    @Option(help: ArgumentHelp("The host of the account.", valueName: "domain"))
    var host: String?

    func name(_ account: String) -> AccountName { AccountName(account, host: host) }
}
