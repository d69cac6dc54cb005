/// A value that is there now or comes later. A value that is there never waits.
public enum Eventual<Value: Sendable>: Sendable {
    case now(Value)
    /// Runs outside the event loop.
    case later(@Sendable () async -> Value)

    /// The value, after waiting if necessary.
    public var value: Value {
        get async {
            switch self {
            case .now(let value): value
            case .later(let body): await body()
            }
        }
    }
}

extension Eventual {
    /// The same, with its value changed by `transform`.
    public func map<Other: Sendable>(_ transform: @escaping @Sendable (Value) -> Other) -> Eventual<Other> {
        switch self {
        case .now(let value): .now(transform(value))
        case .later(let body): .later { transform(await body()) }
        }
    }
}
