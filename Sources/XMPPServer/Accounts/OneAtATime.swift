import Synchronization

/// Runs asynchronous operations for each key one after the other, in order of arrival. A key for which nothing is done takes no
/// memory.
public final class OneAtATime<Key: Hashable & Sendable>: Sendable {
    /// Operations that wait, by the key for which one is under way.
    private let waiting = Mutex<[Key: [CheckedContinuation<Void, Never>]]>([:])

    public init() {}

    /// Runs the operation after those before it.
    ///
    /// - Throws: what the operation throws.
    public func run<Value: Sendable, Failure: Error>(
        for key: Key, _ operation: @Sendable () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        await withCheckedContinuation { continuation in
            let isFree = waiting.withLock { waiting in
                guard waiting[key] != nil else {
                    waiting[key] = []
                    return true
                }
                waiting[key]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        defer {
            let next: CheckedContinuation<Void, Never>? = waiting.withLock { waiting in
                guard waiting[key]?.isEmpty == false else {
                    waiting[key] = nil
                    return nil
                }
                return waiting[key]?.removeFirst()
            }
            next?.resume()
        }
        return try await operation()
    }

    /// Waits for the operations that are under way now, or wait now.
    public func drain() async {
        let keys = waiting.withLock { Array($0.keys) }
        await withTaskGroup(of: Void.self) { tasks in
            for key in keys { tasks.addTask { await self.run(for: key) {} } }
        }
    }
}
