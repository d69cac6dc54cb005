import ArgumentParser
import XMPPServer

/// `swallowtail invite [ACCOUNT]`.
struct InviteMake: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "make", abstract: "Makes an invitation, which is good once; its link is shown this once.")

    @Argument(help: "Whose contact the guest becomes; without it, the guest may make an account and that is all.")
    var account: String?

    @OptionGroup var host: HostOption

    @Option(help: ArgumentHelp("When the invitation becomes void, such as 7d or 12h.", valueName: "time"))
    var expires = Expiry(seconds: Invitation.standardSeconds)

    @Flag(help: "Print the link alone.")
    var quiet = false

    @OptionGroup var options: AdministrativeOptions

    func validate() throws {
        guard expires.seconds != nil else { throw ValidationError("Every invitation becomes void.") }
    }

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .invite(
            account: account.map(host.name), host: host.host, seconds: expires.seconds ?? Invitation.standardSeconds)
    }

    func print(_ reply: AdministrationReply) throws {
        guard case .invited(let invitation) = reply, !options.json else {
            return Swift.print(options.json ? try reply.json : reply.text)
        }
        Swift.print(invitation.link)
        guard !quiet else { return }
        if let code = QRCode(invitation.link) { Swift.print("\n" + code.terminalText) }
        Swift.print("The invitation \(invitation.info.id) is good once, until \(invitation.info.expiresAt).")
    }
}
