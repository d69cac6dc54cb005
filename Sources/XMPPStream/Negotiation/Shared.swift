/// A value in one place for all who hold it: what is large, never changes and belongs to many connections.
public final class Shared<Value: Sendable>: Sendable {
    public let value: Value

    public init(_ value: Value) {
        self.value = value
    }
}
