import ArgumentParser
import XMPPServer

/// `swallowtail explain`.
struct Explain: AdministrativeCommand {
    static let command = "explain"
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: Self.summary)

    @Argument(help: "The message's id, or an account: its address, its account id or the first part of its address.")
    var subject: String

    @Argument(help: "Only messages that came within a minute of this moment, such as 2012-04-26T10:00:00Z.")
    var time: String?

    @OptionGroup var host: HostOption
    @OptionGroup var options: AdministrativeOptions

    func arguments(_ configuration: ServerConfiguration) -> [String: CommandValue] {
        ["subject": .text(subject), "time": CommandValue(time), "host": CommandValue(host.host)]
    }
}
