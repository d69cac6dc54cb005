import Synchronization

/// A reference that is replaced as a whole, and read from any thread without a lock.
///
/// A reader holds nothing between loading the reference and retaining its object. So former objects are kept until many
/// others have replaced them, and a writer waits for a tick of every event loop before it replaces another one.
struct Replaceable<Value: AnyObject & Sendable>: ~Copyable, Sendable {
    private static var room: Int { 64 }

    private let current = Atomic<Unmanaged<Value>?>(nil)
    private let values = Mutex<[Value]>([])

    /// The present value; it must have been set. Code that does several related things reads it once.
    var value: Value {
        guard let value = current.load(ordering: .acquiring) else { preconditionFailure("read before it was set") }
        return value.takeUnretainedValue()
    }

    /// Reads the value without retaining it, as all event loops do that at once.
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
