import ArgumentParser
import XMPPServer

/// `swallowtail invite list`.
struct InviteList: AdministrativeCommand {
    static let command = "invite-list"
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: Self.summary)

    @OptionGroup var host: HostOption
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        ["host": CommandValue(host.host)]
    }
}
