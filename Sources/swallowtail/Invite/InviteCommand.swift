import ArgumentParser

/// `swallowtail invite`.
struct InviteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite",
        abstract: "Invites people to make an account, or to become somebody's contact.",
        subcommands: [InviteMake.self, InviteList.self, InviteRevoke.self],
        defaultSubcommand: InviteMake.self
    )
}
