import Synchronization

/// Runs asynchronous operations one after the other, in order of arrival.
public final class OneAtATime: Sendable {
    private struct State {
        var isBusy = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    public init() {}

    /// Runs the operation after those before it.
    public func run<Value: Sendable>(_ operation: @Sendable () async -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.isBusy { state.waiting.append(continuation) }
                return !exchange(&state.isBusy, with: true)
            }
            if isFree { continuation.resume() }
        }
        defer {
            let next: CheckedContinuation<Void, Never>? = state.withLock { state in
                guard !state.waiting.isEmpty else {
                    state.isBusy = false
                    return nil
                }
                return state.waiting.removeFirst()
            }
            next?.resume()
        }
        return await operation()
    }
}
