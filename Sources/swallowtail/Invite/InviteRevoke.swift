import ArgumentParser
import XMPPServer

/// `swallowtail invite revoke`.
struct InviteRevoke: AdministrativeCommand {
    static let configuration = CommandConfiguration(commandName: "revoke", abstract: "Makes an invitation void.")

    @Argument(help: "The invitation's id as `invite list` shows it.")
    var id: String

    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .revokeInvitation(id: id)
    }
}
