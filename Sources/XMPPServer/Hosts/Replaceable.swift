import Synchronization

/// A reference that is replaced as a whole and read from any thread without a lock.
///
/// Between reading the reference and holding what it refers to a reader has nothing in its hand: so what was replaced is kept,
/// until as many others have come after it as there is room for. Whoever replaces something waits for a tick of every event loop
/// before it does so once more.
struct Replaceable<Value: AnyObject & Sendable>: ~Copyable, Sendable {
    private static var room: Int { 64 }

    private let current = Atomic<Unmanaged<Value>?>(nil)
    private let values = Mutex<[Value]>([])

    /// As it is now; it has to be set before. Who does several things that go together reads it once.
    var value: Value {
        guard let value = current.load(ordering: .acquiring) else { preconditionFailure("read before it was set") }
        return value.takeUnretainedValue()
    }

    /// Reads something of it, without its being counted as held: all event loops read it at once.
    func read<Result>(_ body: (Value) -> Result) -> Result {
        guard let value = current.load(ordering: .acquiring) else { preconditionFailure("read before it was set") }
        return value._withUnsafeGuaranteedRef { body($0) }
    }

    func set(_ value: Value) {
        values.withLock { values in
            values.append(value)
            current.store(Unmanaged.passUnretained(value), ordering: .releasing)
            if values.count > Self.room { values.removeFirst() }
        }
    }
}
