import Logging
import Synchronization

/// Logs failures of the storage, at a limited rate.
final class FailureLog: Sendable {
    private static let lines = 5
    private static let time = Duration.seconds(10)

    private struct State {
        var begin: ContinuousClock.Instant?
        var lines = 0
        var unlogged = 0
    }

    private let logger: Logger
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state = Mutex(State())

    init(_ logger: Logger, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.logger = logger
        self.now = now
    }

    func report(_ error: StorageError) {
        // The caller has gone; nothing failed.
        guard error.kind != .cancelled else { return logger.debug("a read was ended", metadata: ["error": "\(error)"]) }
        let now = now()
        let unlogged: Int? = state.withLock { state in
            if state.begin.map({ now - $0 >= Self.time }) ?? true {
                state.begin = now
                state.lines = 0
            }
            guard state.lines < Self.lines else {
                state.unlogged += 1
                return nil
            }
            state.lines += 1
            return exchange(&state.unlogged, with: 0)
        }
        guard let unlogged else { return }
        var metadata: Logger.Metadata = ["error": "\(error)"]
        if unlogged > 0 { metadata["unlogged"] = "\(unlogged)" }
        logger.error("storage failed", metadata: metadata)
    }
}
