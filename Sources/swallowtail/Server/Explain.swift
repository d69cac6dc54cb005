import ArgumentParser
import XMPPServer

/// `swallowtail explain`.
struct Explain: AdministrativeCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Says what became of a message, or of an account's messages, as far as the running server remembers.")

    @Argument(help: "The message's id, or an account: its address, its account id or the first part of its address.")
    var subject: String

    @Argument(help: "Only messages that came within a minute of this moment, such as 2012-04-26T10:00:00Z.")
    var time: String?

    @OptionGroup var host: HostOption
    @OptionGroup var options: AdministrativeOptions

    func request(_ configuration: ServerConfiguration) -> AdministrationRequest {
        .explain(subject: host.name(subject), time: time)
    }
}
