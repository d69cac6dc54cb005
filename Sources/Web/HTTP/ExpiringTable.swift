import Synchronization
import XMPP

/// Values that are good for a short time. Bounded: when it is full of values that are still good, it takes no more.
final class ExpiringTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let entries = Mutex<[Key: (value: Value, end: Timestamp)]>([:])
    private let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// - Returns: false if there is no room.
    func add(_ value: Value, _ key: Key, until end: Timestamp, now: Timestamp) -> Bool {
        entries.withLock { entries in
            if entries.count >= capacity { entries = entries.filter { $0.value.end > now } }
            guard entries.count < capacity else { return false }
            entries[key] = (value, end)
            return true
        }
    }

    /// Looks at a value that is still good, or changes it.
    func update<Result: Sendable>(_ key: Key, now: Timestamp, _ body: (inout Value) -> Result) -> Result? {
        entries.withLock { entries in
            guard var entry = entries[key] else { return nil }
            guard entry.end > now else {
                entries[key] = nil
                return nil
            }
            let result = body(&entry.value)
            entries[key] = entry
            return result
        }
    }

    func find(_ key: Key, now: Timestamp) -> Value? { update(key, now: now) { $0 } }

    /// - Returns: whether it was there.
    @discardableResult
    func remove(_ key: Key) -> Bool { entries.withLock { $0.removeValue(forKey: key) != nil } }

    func removeAll(where isMeant: (Value) -> Bool) {
        entries.withLock { entries in entries = entries.filter { !isMeant($0.value.value) } }
    }
}
