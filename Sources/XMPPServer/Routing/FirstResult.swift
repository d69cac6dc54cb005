import NIOCore
import Synchronization
import XMPPStream

/// Takes the first of several results; the others are dropped.
public final class FirstResult<Value: Sendable>: Sendable {
    private let waiting: Mutex<(@Sendable (Value?) -> Void)?>

    public init(_ body: @escaping @Sendable (Value?) -> Void) { waiting = Mutex(body) }

    /// Answers, unless there was an answer before.
    public func answer(_ value: Value?) {
        waiting.withLock { exchange(&$0, with: nil) }?(value)
    }
}

/// What an operation brings, or nil when so much time has passed, by no virtual clock. What it brings later is dropped.
func value<Value: Sendable>(
    of operation: @escaping @Sendable () async -> Value, within time: Duration
) async -> Value? {
    await withCheckedContinuation { continuation in
        let first = FirstResult<Value> { continuation.resume(returning: $0) }
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

extension LoopContext {
    /// Waits for an operation, then calls `then` on the loop, once: with nil when its time is over. What it brings later is
    /// dropped.
    public func wait<Value: Sendable>(
        for operation: @escaping @Sendable () async -> Value, within time: TimeAmount,
        then: @escaping @Sendable (Value?) -> Void
    ) {
        let first = FirstResult<Value> { value in self.eventLoop.execute { then(value) } }
        let alarm = eventLoop.scheduleTask(in: time) { first.answer(nil) }
        Task {
            let value = await operation()
            alarm.cancel()
            first.answer(value)
        }
    }
}
