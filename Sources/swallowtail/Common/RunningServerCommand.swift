import ArgumentParser
import XMPPServer

/// A command for the running server only. The server reads the configuration itself, as it may have errors.
protocol RunningServerCommand: AsyncParsableCommand {
    var options: AdministrativeOptions { get }
    /// The name of the command.
    static var command: String { get }
}

extension RunningServerCommand {
    func run() async throws {
        let (configuration, errors) = try options.configuration.check()
        let client = AdministrationClient(path: configuration.data.administrationSocket)
        do {
            guard let reply = try client.perform(CommandRequest(Self.command)) else {
                guard errors.isEmpty else { throw Failure(ConfigErrors(errors).description) }
                throw Failure("no server is running")
            }
            guard reply.failure == nil else { throw Failure(reply.text) }
            print(options.json ? try encoded(reply.result) : reply.text)
        } catch let error as AdministrationError {
            throw Failure(error.description)
        }
    }
}
