import ArgumentParser
import XMPP
import XMPPServer

/// `swallowtail account add`.
struct AccountAdd: AdministrativeCommand {
    static let command = "account-add"
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: Self.summary,
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

    @Option(help: ArgumentHelp("A picture: PNG, JPEG, GIF or WebP, up to 64 KiB.", valueName: "file"))
    var photo: String?

    @Option(help: "Whether messages are archived: on or off.")
    var keepHistory: Switch = .on

    @OptionGroup var password: PasswordOptions

    @Flag(help: "Make the account an administrator: it may manage the accounts of its host.")
    var admin = false

    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) throws -> [String: CommandValue] {
        [
            "host": CommandValue(host.host),
            "name": CommandValue(name),
            "id": CommandValue(id),
            "account-id": CommandValue(accountID),
            "display-name": CommandValue(displayName),
            "photo": CommandValue(try photo.map { try swallowtail.photo($0) }.map(Base64.encode)),
            "keep-history": .boolean(keepHistory.isOn),
            "password": CommandValue(
                try takesPassword(configuration) ? password.read() : password.readIfGiven()),
            "admin": .boolean(admin),
        ]
    }

    /// Whether the account's host offers sign-in with a password.
    private func takesPassword(_ configuration: ServerConfiguration) -> Bool {
        let domain = (host.host ?? name).flatMap(JID.init)?.domain
        let hosts = domain.flatMap(configuration.host).map { [$0] } ?? configuration.hosts
        return hosts.contains { !$0.authentication.mechanisms.allSatisfy(\.usesTokens) }
    }
}
