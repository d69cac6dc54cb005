import Logging
import Synchronization

/// Has a running server go by its configuration file as it is now, whoever asks for it.
public final class Reloader: Sendable {
    private let server: Server
    private let read: @Sendable () throws -> ServerConfiguration
    private let reloaded: @Sendable (ServerConfiguration) -> Void

    /// - Parameters:
    ///   - read: reads the file.
    ///   - reloaded: told of the configuration that holds from now on, for what is not the server's, such as its log.
    public init(
        _ server: Server, read: @escaping @Sendable () throws -> ServerConfiguration,
        reloaded: @escaping @Sendable (ServerConfiguration) -> Void = { _ in }
    ) {
        self.server = server
        self.read = read
        self.reloaded = reloaded
    }

    /// What a reload would change.
    ///
    /// - Throws: all that is wrong with the file.
    public func plan() throws -> [ConfigurationChange] { try server.plan(read()) }

    /// Reads the file and goes by it. If anything is wrong nothing changes; the log says what was.
    ///
    /// - Returns: what has changed, and what takes a restart.
    /// - Throws: all that was wrong.
    public func reload() async throws -> [ConfigurationChange] {
        let changes: [ConfigurationChange]
        do {
            changes = try await server.reload(read)
            reloaded(server.configuration)
        } catch let errors as ConfigErrors {
            for error in errors.errors { log(refusal: "\(error)") }
            throw errors
        } catch {
            log(refusal: "\(error)")
            throw error
        }
        for change in changes {
            server.logger.info(
                "changed",
                metadata: ["place": "\(change.place)", "change": "\(change.change)", "from": "\(change.effect)"])
        }
        server.logger.notice("reloaded", metadata: ["changes": "\(changes.count)"])
        return changes
    }

    private func log(refusal reason: String) {
        server.logger.error("the configuration is not reloaded", metadata: ["reason": "\(reason)"])
    }
}
