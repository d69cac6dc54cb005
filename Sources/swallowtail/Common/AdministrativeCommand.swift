import ArgumentParser
import Foundation
import Logging
import NIOCore
import NIOPosix
import SQLiteStorage
import XMPPServer

/// The options of all administrative commands.
struct AdministrativeOptions: ParsableArguments {
    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "Print JSON, for programs.")
    var json = false
}

/// A command (`Command`) on the command line. The running server performs it; without one, a server without listeners
/// is made for it.
protocol AdministrativeCommand: AsyncParsableCommand {
    /// The command's name.
    static var command: String { get }

    var options: AdministrativeOptions { get }

    /// How the store is opened if no server is running.
    var access: SQLiteStorage.Access { get }

    /// Performs the command on the store if no server is running.
    func perform(
        _ request: CommandRequest, _ configuration: ServerConfiguration, on storage: SQLiteStorage
    ) async throws -> CommandReply

    /// The arguments of the command.
    func arguments(_ configuration: ServerConfiguration) throws -> [String: CommandValue]

    /// Prints the result.
    func print(_ reply: CommandReply) throws
}

extension AdministrativeCommand {
    /// The summary of the command.
    static var summary: String { Administration.commands.first { $0.name == command }?.summary ?? "" }

    var access: SQLiteStorage.Access { .write }

    func perform(
        _ request: CommandRequest, _ configuration: ServerConfiguration, on storage: SQLiteStorage
    ) async throws -> CommandReply {
        try await Operator.withServer(configuration, storage) { await $0.perform(request) }
    }

    func run() async throws {
        let configuration = try options.configuration.load()
        let request = CommandRequest(Self.command, try arguments(configuration))
        let reply = try await Operator.perform(request, configuration, access) { storage in
            try await perform(request, configuration, on: storage)
        }
        guard reply.failure == nil else { throw Failure(reply.text) }
        try print(reply)
    }

    func print(_ reply: CommandReply) throws {
        Swift.print(options.json ? try encoded(reply.result) : reply.text)
    }
}

/// The operator of the server.
enum Operator {
    /// Has the running server perform a command.
    ///
    /// - Parameter offline: performs it on the store if there is none.
    static func perform(
        _ request: CommandRequest, _ configuration: ServerConfiguration, _ access: SQLiteStorage.Access = .write,
        offline: (SQLiteStorage) async throws -> CommandReply
    ) async throws -> CommandReply {
        let client = AdministrationClient(path: configuration.data.administrationSocket)
        var reply: CommandReply?
        do {
            if access == .write, !client.isServed { try DataOwner(of: configuration.data.directory)?.act() }
            // A starting server opens the store before the socket.
            let storage = try await Store.open(
                configuration, access, logger(configuration),
                unless: {
                    reply = try client.perform(request)
                    return reply != nil
                })
            if let storage {
                reply = try await offline(storage)
                if let failure = await storage.close() {
                    // The command was performed all the same.
                    FileHandle.standardError.write(Data("swallowtail: \(failure.diagnosis)\n".utf8))
                }
            }
        } catch let error as AdministrationError {
            throw Failure(error.description)
        }
        guard let reply else { throw Failure("nobody took the request") }
        return reply
    }

    /// Logs errors alone: what a command has done it prints.
    private static func logger(_ configuration: ServerConfiguration) -> Logger {
        let level = LineLogHandler.Level(.error)
        return Logger(label: "swallowtail") { _ in LineLogHandler(configuration.log, level) }
    }

    /// Makes a server without listeners for the duration of a function.
    static func withServer<Result>(
        _ configuration: ServerConfiguration, _ storage: SQLiteStorage,
        _ body: (Administration) async throws -> Result
    ) async throws -> Result {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let server = try await Server(
                configuration, storage: storage, group: group, logger: logger(configuration), listens: false)
            let result = try await body(Administration(server))
            await server.stop()
            try await group.shutdownGracefully()
            return result
        } catch let error as ServerError {
            throw Failure("\(error)")
        }
    }
}

/// A value as indented JSON.
func encoded(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}
