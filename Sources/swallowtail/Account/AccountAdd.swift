import ArgumentParser
import XMPP
import XMPPServer

/// `swallowtail account add`.
struct AccountAdd: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Adds an account.",
        discussion: """
            Where people sign in with passwords, the account must get one. Where they sign in with tokens it may, for the \
            pages: with --password, or from standard input if that is no terminal and has one.
            """)

    @Argument(help: "What to call it: an address, an account id, or the first part of an address.")
    var name: String?

    @OptionGroup var host: HostOption

    @Option(help: "The first part of the address; on hosts where people sign in with tokens, a random one.")
    var id: String?

    @Option(help: "A name like an e-mail address, by which people know the account.")
    var accountID: String?

    @Option(help: "The name that others see.")
    var displayName: String?

    @Option(help: ArgumentHelp("A picture: PNG, JPEG or GIF, up to 64 KiB.", valueName: "file"))
    var photo: String?

    @Option(help: "Whether messages are archived: on or off.")
    var keepHistory: Switch = .on

    @OptionGroup var password: PasswordOptions

    @Flag(help: "Mark the account as an administrator's. Nothing asks for that yet: it gives no right.")
    var admin = false

    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) throws -> AdministrationRequest {
        .addAccount(
            account: NewAccount(
                host: host.host,
                name: name,
                id: id,
                accountID: accountID,
                displayName: displayName,
                photo: try photo.map(swallowtail.photo),
                keepsHistory: keepHistory.isOn,
                password: try takesPassword(configuration) ? password.read() : password.readIfGiven(),
                isAdministrator: admin
            ))
    }

    /// Whether anybody can sign in with a password where the account is to be.
    private func takesPassword(_ configuration: ServerConfiguration) -> Bool {
        let domain = (host.host ?? name).flatMap(JID.init)?.domain
        let hosts = domain.flatMap(configuration.host).map { [$0] } ?? configuration.hosts
        return hosts.contains { !$0.authentication.mechanisms.allSatisfy(\.usesTokens) }
    }
}
