import ArgumentParser
import Foundation
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

    /// What is done with the store if no server is running.
    var access: SQLiteStorage.Access { get }

    func request(_ configuration: ServerConfiguration) throws -> AdministrationRequest

    /// Prints what came of it.
    func print(_ reply: AdministrationReply) throws
}

extension AdministrativeCommand {
    var access: SQLiteStorage.Access { .write }

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
                configuration, access,
                unless: {
                    reply = try client.perform(request)
                    return reply != nil
                })
            if let storage {
                reply = await Administration(configuration, storage: storage).perform(request)
                if let failure = await storage.close() {
                    // What was asked for has been done all the same.
                    FileHandle.standardError.write(Data("swallowtail: \(failure.diagnosis)\n".utf8))
                }
            }
        } catch let error as AdministrationError {
            throw Failure(error.description)
        }
        guard let reply else { throw Failure("nobody took the request") }
        return reply
    }
}
