import ArgumentParser
import XMPPServer

/// A command for the running server alone, which reads the configuration itself: there may be something wrong with it.
protocol RunningServerCommand: AsyncParsableCommand {
    var options: AdministrativeOptions { get }
    var request: AdministrationRequest { get }
}

extension RunningServerCommand {
    func run() async throws {
        let (configuration, errors) = try options.configuration.check()
        let client = AdministrationClient(path: configuration.data.administrationSocket)
        do {
            switch try client.perform(request) {
            case nil:
                guard errors.isEmpty else { throw Failure(ConfigErrors(errors).description) }
                throw Failure("no server is running")
            case .failed(let reason): throw Failure(reason)
            case .some(let reply): print(options.json ? try reply.json : reply.text)
            }
        } catch let error as AdministrationError {
            throw Failure(error.description)
        }
    }
}
