import Logging
import Synchronization

/// Reloads the configuration file of a running server.
public final class Reloader: Sendable {
    private let server: Server
    private let read: @Sendable () throws -> ServerConfiguration
    private let begins: @Sendable () -> Void
    private let ends: @Sendable () -> Void
    private let reloaded: @Sendable (ServerConfiguration) -> Void

    /// - Parameters:
    ///   - read: reads the file.
    ///   - begins: called before a reload.
    ///   - ends: called after it, whether or not anything has changed.
    ///   - reloaded: called with the new configuration, for parts outside of the server such as its log.
    public init(
        _ server: Server, read: @escaping @Sendable () throws -> ServerConfiguration,
        begins: @escaping @Sendable () -> Void = {}, ends: @escaping @Sendable () -> Void = {},
        reloaded: @escaping @Sendable (ServerConfiguration) -> Void = { _ in }
    ) {
        self.server = server
        self.read = read
        self.begins = begins
        self.ends = ends
        self.reloaded = reloaded
    }

    /// What a reload would change.
    ///
    /// - Throws: all errors in the file.
    public func plan() throws -> [ConfigurationChange] { try server.plan(read()) }

    /// Reads the file and puts it into use. With an error nothing changes; the log has the reason.
    ///
    /// - Returns: what has changed, and what needs a restart.
    /// - Throws: all errors.
    public func reload() async throws -> [ConfigurationChange] {
        begins()
        defer { ends() }
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
        for change in changes { server.log(change) }
        server.logger.notice("reloaded", metadata: ["changes": "\(changes.count)"])
        return changes
    }

    private func log(refusal reason: String) {
        server.logger.error("the configuration is not reloaded", metadata: ["reason": "\(reason)"])
    }
}
