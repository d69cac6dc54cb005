import Synchronization

/// Waits for a change that is already submitted.
public final class Commit: Sendable {
    private enum State {
        case pending
        case waited(CheckedContinuation<Result<Void, StorageError>, Never>)
        case finished(Result<Void, StorageError>)
    }

    private let state = Mutex(State.pending)

    /// For a change that is about to be submitted.
    public init() {}

    /// The completion to give to `CommitQueue.submit`.
    @Sendable public func finish(_ result: Result<Void, StorageError>) {
        let waiting: CheckedContinuation<Result<Void, StorageError>, Never>? = state.withLock { state in
            defer { state = .finished(result) }
            if case .waited(let continuation) = state { return continuation }
            return nil
        }
        waiting?.resume(returning: result)
    }

    /// Returns when the change is durable. Call it once.
    public func wait() async throws(StorageError) {
        let result = await withCheckedContinuation { continuation in
            let finished: Result<Void, StorageError>? = state.withLock { state in
                if case .finished(let result) = state { return result }
                state = .waited(continuation)
                return nil
            }
            if let finished { continuation.resume(returning: finished) }
        }
        try result.get()
    }
}
