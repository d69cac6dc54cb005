/// Makes changes durable, in groups that are committed whole or not at all.
public protocol CommitQueue: Sendable {
    /// Queues one group of changes, which are committed together or not at all. Never blocks.
    ///
    /// Groups with changes of the same owner are committed, and their completions called, in the order of submission.
    /// Groups without a common owner have no defined order. The owner of a change is the account or host that it
    /// belongs to.
    ///
    /// The completion is called exactly once, on a thread of the storage, after the commit is durable or has failed. It
    /// must not block. A failed group does not affect other groups. If the queue is full or the storage is closed, the
    /// group fails with `StorageError.Kind.unavailable`.
    func submit(
        _ changes: [StorageChange], _ urgency: CommitUrgency,
        completion: (@Sendable (Result<Void, StorageError>) -> Void)?)
    /// Whether the queue is so long that a caller that can wait should; see `room`.
    var isCrowded: Bool { get }
    /// Returns when the queue is no longer crowded.
    func room() async
    /// Waits until everything submitted so far is durable or has failed.
    func flush() async
}

/// When a group of changes is committed. The order of an owner's groups is kept either way.
public enum CommitUrgency: Sendable {
    /// As soon as the previous commit is done: somebody is waiting.
    case now
    /// Together with others, within a fraction of a second: a shared commit is cheaper.
    case soon
}

extension CommitQueue {
    /// Submits a group of changes that somebody waits for.
    public func submit(_ changes: [StorageChange], completion: (@Sendable (Result<Void, StorageError>) -> Void)?) {
        submit(changes, .now, completion: completion)
    }

    /// Submits one group of changes and waits until it is durable.
    ///
    /// - Throws: the error of the group; then nothing of it was stored.
    public func commit(_ changes: [StorageChange]) async throws(StorageError) {
        let result = await withCheckedContinuation { continuation in
            submit(changes) { result in continuation.resume(returning: result) }
        }
        try result.get()
    }
}
