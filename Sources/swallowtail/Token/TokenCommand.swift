import ArgumentParser

/// `swallowtail token`.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes, lists and revokes access tokens.",
        subcommands: [TokenMint.self, TokenList.self, TokenRevoke.self]
    )
}
