import ArgumentParser
import SQLiteStorage
import XMPPServer

/// What every command for administrators takes.
struct AdministrativeOptions: ParsableArguments {
    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "Print JSON, for programs.")
    var json = false
}

/// A command that asks the running server for something or, if there is none, works on the store itself.
protocol AdministrativeCommand: AsyncParsableCommand {
    var options: AdministrativeOptions { get }

    func request(_ configuration: ServerConfiguration) throws -> AdministrationRequest

    /// Prints what came of it.
    func print(_ reply: AdministrationReply) throws
}

extension AdministrativeCommand {
    func run() async throws {
        let configuration = try options.configuration.load()
        let reply = try await perform(try request(configuration), configuration)
        if case .failed(let reason) = reply { throw Failure(reason) }
        try print(reply)
    }

    func print(_ reply: AdministrationReply) throws {
        Swift.print(options.json ? try reply.json : reply.text)
    }

    private func perform(
        _ request: AdministrationRequest, _ configuration: ServerConfiguration
    ) async throws -> AdministrationReply {
        let client = AdministrationClient(path: configuration.data.administrationSocket)
        var reply: AdministrationReply?
        do {
            // A server that starts has the store before it has the socket.
            let storage = try await Store.open(
                configuration,
                unless: {
                    reply = try client.perform(request)
                    return reply != nil
                })
            if let storage {
                reply = await Administration(configuration, storage: storage).perform(request)
                await storage.close()
            }
        } catch let error as AdministrationError {
            throw Failure(error.description)
        }
        guard let reply else { throw Failure("nobody took the request") }
        return reply
    }
}
