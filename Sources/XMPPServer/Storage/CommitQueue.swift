/// Takes changes and makes them durable, in groups that are committed whole or not at all.
public protocol CommitQueue: Sendable {
    /// Puts one group of changes in the queue: all of them are committed, or none. Never blocks.
    ///
    /// Groups with changes of the same owner are committed in the order of submission, and so are their completions called.
    /// Of groups that have no owner in common nothing is promised. The owner of a change is the account or host whose it is.
    ///
    /// The completion is called exactly once, on a thread of the storage's, after the commit is durable or has failed. It
    /// must not block. A group that fails leaves its neighbours in the queue untouched. When the queue is full or the storage
    /// is closed, the group fails with `StorageError.Kind.unavailable`.
    func submit(
        _ changes: [StorageChange], _ urgency: CommitUrgency,
        completion: (@Sendable (Result<Void, StorageError>) -> Void)?)
    /// Whether so much waits in the queue that whoever can wait should; see `room`.
    var isCrowded: Bool { get }
    /// Returns when the queue is not crowded any more.
    func room() async
    /// Waits until all that was submitted before is durable or has failed.
    func flush() async
}

/// When a group of changes is to be committed. Either way the order of an owner's groups is kept.
public enum CommitUrgency: Sendable {
    /// As soon as the commit before it is done: somebody waits.
    case now
    /// With others, within a fraction of a second: a commit that is shared costs each of them less.
    case soon
}

extension CommitQueue {
    /// Submits a group of changes that somebody waits for.
    public func submit(_ changes: [StorageChange], completion: (@Sendable (Result<Void, StorageError>) -> Void)?) {
        submit(changes, .now, completion: completion)
    }

    /// Submits one group of changes and waits until it is durable.
    ///
    /// - Throws: the error of the group; nothing of it was stored then.
    public func commit(_ changes: [StorageChange]) async throws(StorageError) {
        let result = await withCheckedContinuation { continuation in
            submit(changes) { result in continuation.resume(returning: result) }
        }
        try result.get()
    }
}
