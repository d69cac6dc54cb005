import ArgumentParser
import XMPPServer

/// `swallowtail token mint`.
struct TokenMint: AdministrativeCommand {
    static let command = "token-mint"
    static let configuration = CommandConfiguration(
        commandName: "mint", abstract: Self.summary)

    @OptionGroup var account: AccountNameOptions

    @Option(
        help: ArgumentHelp(
            "What the token allows, of \(App.knownScopes.joined(separator: ", ")); may be repeated. Without it, what the "
                + "account's host asks for."))
    var scope: [String] = []

    @Option(help: ArgumentHelp("When the token becomes void, such as 30d or 12h, or never.", valueName: "time"))
    var expires = Expiry(seconds: NewToken.standardSeconds)

    @Option(help: "What the token is for, to be shown in lists.")
    var label: String?

    @Flag(help: "Print the token alone.")
    var quiet = false

    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) throws -> [String: CommandValue] {
        account.arguments.merging([
            "scope": CommandValue(try Scopes.known(scope, configuration)), "expires": .text(expires.description),
            "label": CommandValue(label),
        ]) { $1 }
    }

    func print(_ reply: CommandReply) throws {
        if quiet, let token = reply.result?["token"]?.text {
            Swift.print(token)
        } else {
            Swift.print(options.json ? try encoded(reply.result) : reply.text)
        }
    }
}

/// The lifetime of a token.
struct Expiry: ExpressibleByArgument, CustomStringConvertible {
    /// nil: unlimited.
    let seconds: Int64?

    init(seconds: Int64?) {
        self.seconds = seconds
    }

    init?(argument: String) {
        if argument == "never" {
            seconds = nil
        } else {
            guard let duration = Duration(text: argument), duration >= .seconds(1) else { return nil }
            seconds = duration.components.seconds
        }
    }

    var description: String { seconds.map { Duration.seconds($0).text } ?? "never" }
    var defaultValueDescription: String { description }
}
