import Logging
import SQLiteStorage
import XMPPServer

/// The store of a configuration.
enum Store {
    /// How long to wait for another command that has the store open.
    private static let patience = Duration.seconds(5)

    /// Opens the store. While another process has it open, calls `isPointless` repeatedly.
    ///
    /// - Parameter waits: told once, before the first wait, who has it open.
    /// - Returns: nil if waiting was pointless.
    static func open(
        _ configuration: ServerConfiguration,
        _ access: SQLiteStorage.Access,
        _ logger: Logger,
        waits: (StorageError) -> Void = { _ in },
        unless isPointless: () async throws -> Bool = { false }
    ) async throws -> SQLiteStorage? {
        let end = ContinuousClock.now + patience
        var hasWaited = false
        while true {
            if try await isPointless() { return nil }
            do {
                return try SQLiteStorage(path: configuration.data.database, access: access, logger: logger)
            } catch {
                guard error.kind == .inUse, ContinuousClock.now < end else { throw Failure(error.diagnosis) }
                if !hasWaited { waits(error) }
                hasWaited = true
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
