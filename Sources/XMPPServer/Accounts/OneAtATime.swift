import Synchronization

/// Runs asynchronous operations for each key one after the other, in order of arrival. A key for which nothing is done takes no
/// memory.
public final class OneAtATime<Key: Hashable & Sendable>: Sendable {
    /// A place in the line of a key, for an operation that is run later. Whoever lets go of it without having run anything makes
    /// room for the next.
    public final class Place: Sendable {
        fileprivate let key: Key
        fileprivate let number: UInt64
        fileprivate let lines: OneAtATime
        private let isUsed = Atomic(false)

        fileprivate init(for key: Key, in lines: OneAtATime) {
            self.key = key
            self.lines = lines
            number = lines.enter(key)
        }

        deinit { lines.leave(key, number) }

        fileprivate func use() -> Bool { !isUsed.exchange(true, ordering: .relaxed) }
    }

    private struct Waiting {
        let number: UInt64
        /// nil: its operation has not come, or has its turn.
        var continuation: CheckedContinuation<Void, Never>?
    }

    private struct State {
        var last: UInt64 = 0
        /// The first of each has its turn.
        var lines: [Key: [Waiting]] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// Takes a place in the line of a key.
    public func place(for key: Key) -> Place { Place(for: key, in: self) }

    /// Runs the operation after those before it.
    ///
    /// - Parameter place: the one that was taken for it. One for another key does not count, nor one that was used.
    /// - Throws: what the operation throws.
    public func run<Value: Sendable, Failure: Error>(
        for key: Key, at place: Place? = nil, _ operation: @Sendable () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let number =
            if let place, place.lines === self, place.key == key, place.use() { place.number } else { enter(key) }
        await withCheckedContinuation { continuation in
            let hasTurn = state.withLock { state in
                guard let index = state.lines[key]?.firstIndex(where: { $0.number == number }), index > 0 else {
                    return true
                }
                state.lines[key]?[index].continuation = continuation
                return false
            }
            if hasTurn { continuation.resume() }
        }
        defer { leave(key, number) }
        return try await operation()
    }

    /// How many operations wait for their turn. Whoever has a place alone does not.
    public func waiting(for key: Key) -> Int {
        state.withLock { $0.lines[key]?.count { $0.continuation != nil } ?? 0 }
    }

    /// Waits for the operations that are under way now, or wait now.
    public func drain() async {
        let keys = state.withLock { Array($0.lines.keys) }
        await withTaskGroup(of: Void.self) { tasks in
            for key in keys { tasks.addTask { await self.run(for: key) {} } }
        }
    }

    private func enter(_ key: Key) -> UInt64 {
        state.withLock { state in
            state.last += 1
            state.lines[key, default: []].append(Waiting(number: state.last))
            return state.last
        }
    }

    private func leave(_ key: Key, _ number: UInt64) {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard let index = state.lines[key]?.firstIndex(where: { $0.number == number }) else { return nil }
            state.lines[key]?.remove(at: index)
            if state.lines[key]?.isEmpty == true { state.lines[key] = nil }
            guard index == 0, state.lines[key] != nil else { return nil }
            return exchange(&state.lines[key, default: []][0].continuation, with: nil)
        }
        next?.resume()
    }
}
