/// A secret that is never printed.
public struct Redacted<Value: Sendable>: Sendable {
    /// The secret itself.
    public let value: Value

    /// Wraps a secret.
    public init(_ value: Value) {
        self.value = value
    }
}

extension Redacted: Equatable where Value: Equatable {}
extension Redacted: Hashable where Value: Hashable {}

extension Redacted: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "‹redacted›" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
