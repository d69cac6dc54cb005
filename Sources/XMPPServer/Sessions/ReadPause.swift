import NIOCore

/// A pause of a client's stream while a stanza waits. Used on the session's loop only; hence `@unchecked Sendable`.
final class ReadPause: @unchecked Sendable {
    /// Called when its time is over.
    let expired: () -> Void
    /// nil: the awaited work has a deadline of its own.
    var timer: Scheduled<Void>?
    var isOver = false

    init(_ expired: @escaping () -> Void) { self.expired = expired }
}
