import NIOCore

/// Something that a client's stanza waits for, with its stream on hold. Looked at on the session's loop alone; hence
/// `@unchecked Sendable`.
final class ReadPause: @unchecked Sendable {
    /// What happens when its time is over.
    let expired: () -> Void
    /// nil: what it waits for has a deadline of its own.
    var timer: Scheduled<Void>?
    var isOver = false

    init(_ expired: @escaping () -> Void) { self.expired = expired }
}
