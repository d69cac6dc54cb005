import ArgumentParser
import XMPPServer

/// `swallowtail invite [ACCOUNT]`.
struct InviteMake: AdministrativeCommand {
    static let command = "invite-make"
    static let configuration = CommandConfiguration(
        commandName: "make", abstract: Self.summary)

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

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        ["account": CommandValue(account), "host": CommandValue(host.host), "expires": .text(expires.description)]
    }

    func print(_ reply: CommandReply) throws {
        guard !options.json else { return Swift.print(try encoded(reply.result)) }
        Swift.print(reply.text)
        guard !quiet else { return }
        if let code = QRCode(reply.text) { Swift.print("\n" + code.terminalText) }
        let info = reply.result?["info"]
        Swift.print(
            "The invitation \(info?["id"]?.text ?? "") is good once, until \(info?["expiresAt"]?.text ?? "").")
    }
}
