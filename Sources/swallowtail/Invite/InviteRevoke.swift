import ArgumentParser
import XMPPServer

/// `swallowtail invite revoke`.
struct InviteRevoke: AdministrativeCommand {
    static let command = "invite-revoke"
    static let configuration = CommandConfiguration(commandName: "revoke", abstract: Self.summary)

    @Argument(help: "The invitation's id as `invite list` shows it.")
    var id: String

    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        ["id": .text(id)]
    }
}
