/// What becomes of a stanza for a client that does not look, XEP-0352.
public enum InactiveClientPolicy: Sendable, Equatable {
    /// It goes out, behind all that was held back.
    case now
    /// It is held back, and a later one of the same kind takes its place.
    case later(kind: String)
    /// Nobody needs it.
    case never
}
