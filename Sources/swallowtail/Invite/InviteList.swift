import ArgumentParser
import XMPPServer

/// `swallowtail invite list`.
struct InviteList: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the invitations that nobody has used yet.")

    @OptionGroup var host: HostOption
    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .listInvitations(host: host.host)
    }
}
