/// An answer that is there already, or that has to be waited for: waiting is a value, so that what never waits never
/// pays.
public enum Answer<Value: Sendable>: Sendable {
    case now(Value)
    /// Runs outside the event loop.
    case later(@Sendable () async -> Value)
}
