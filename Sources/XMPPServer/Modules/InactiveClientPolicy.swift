/// How a stanza is delivered to an inactive client.
public enum InactiveClientPolicy: Sendable, Equatable {
    /// Sent now, after everything that was held back.
    case now
    /// Held back; replaced by a later one of the same kind.
    case later(kind: String)
    /// Dropped.
    case never
}
