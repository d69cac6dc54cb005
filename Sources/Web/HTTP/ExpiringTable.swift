import Synchronization
import XMPP

/// Values with a short lifetime. Bounded: if it is full of valid values, it accepts no more; and each owner has a
/// limited share, so that nobody can fill it for others.
final class ExpiringTable<Key: Hashable & Sendable, Owner: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        var value: Value
        let owner: Owner?
        let end: Timestamp
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var shares: [Owner: Int] = [:]

        /// - Returns: whether it existed.
        @discardableResult
        mutating func remove(_ key: Key) -> Bool {
            guard let entry = entries.removeValue(forKey: key) else { return false }
            if let owner = entry.owner, let share = shares[owner] { shares[owner] = share > 1 ? share - 1 : nil }
            return true
        }
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let share: Int

    /// - Parameters:
    ///   - capacity: the maximum number of values.
    ///   - share: the maximum number of one owner.
    init(capacity: Int, share: Int) {
        self.capacity = capacity
        self.share = share
    }

    /// - Parameter owner: nil: none; limited by the capacity only.
    /// - Returns: false if there is no room, or the key is in use.
    func add(_ value: Value, _ key: Key, of owner: Owner?, until end: Timestamp, now: Timestamp) -> Bool {
        state.withLock { state in
            if !hasRoom(owner, state) {
                for (key, entry) in state.entries where entry.end <= now { state.remove(key) }
            }
            if let entry = state.entries[key], entry.end <= now { state.remove(key) }
            guard hasRoom(owner, state), state.entries[key] == nil else { return false }
            state.entries[key] = Entry(value: value, owner: owner, end: end)
            if let owner { state.shares[owner, default: 0] += 1 }
            return true
        }
    }

    private func hasRoom(_ owner: Owner?, _ state: borrowing State) -> Bool {
        state.entries.count < capacity && (owner.flatMap { state.shares[$0] } ?? 0) < share
    }

    /// Reads or changes a valid value.
    func update<Result: Sendable>(_ key: Key, now: Timestamp, _ body: (inout Value) -> Result) -> Result? {
        state.withLock { state in
            guard var entry = state.entries[key] else { return nil }
            guard entry.end > now else {
                state.remove(key)
                return nil
            }
            let result = body(&entry.value)
            state.entries[key] = entry
            return result
        }
    }

    func find(_ key: Key, now: Timestamp) -> Value? { update(key, now: now) { $0 } }

    /// Removes a value, and returns it if it is valid.
    func take(_ key: Key, now: Timestamp) -> Value? {
        state.withLock { state in
            defer { state.remove(key) }
            return state.entries[key].flatMap { $0.end > now ? $0.value : nil }
        }
    }

    /// - Returns: whether it existed.
    @discardableResult
    func remove(_ key: Key) -> Bool { state.withLock { $0.remove(key) } }

    func removeAll(where isMeant: (Value) -> Bool) {
        state.withLock { state in
            for (key, entry) in state.entries where isMeant(entry.value) { state.remove(key) }
        }
    }
}
