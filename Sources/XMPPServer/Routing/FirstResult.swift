import Synchronization

/// Somebody who waits for the first of several answers.
private final class FirstResult<Value: Sendable>: Sendable {
    private let waiting: Mutex<CheckedContinuation<Value?, Never>?>

    init(_ continuation: CheckedContinuation<Value?, Never>) { waiting = Mutex(continuation) }

    /// Answers, unless there was an answer before.
    func answer(_ value: Value?) {
        waiting.withLock { exchange(&$0, with: nil) }?.resume(returning: value)
    }
}

/// What an operation brings, or nil when so much time has passed, by no virtual clock. What it brings later is dropped.
func value<Value: Sendable>(
    of operation: @escaping @Sendable () async -> Value, within time: Duration
) async -> Value? {
    await withCheckedContinuation { continuation in
        let first = FirstResult(continuation)
        let alarm = Task {
            try await Task.sleep(for: time)
            first.answer(nil)
        }
        Task {
            let value = await operation()
            alarm.cancel()
            first.answer(value)
        }
    }
}
