import Dispatch
import GRDB
import NIOCore
import Synchronization
import XMPP
import XMPPServer

/// Runs reads on a few threads, each with a connection of its own.
///
/// An account's reads run one at a time, in order. Accounts take turns, and so does each read without an account. So
/// whatever one account asks for, another's read waits for at most one of its reads.
///
/// A thread continues with the next read, so that a read costs two thread switches, and fewer under load. A read that
/// waits for a connection holds no thread.
final class ReadQueue: Sendable {
    typealias Read = @Sendable () -> Void

    /// Whose turn it is.
    private enum Turn {
        case account(JID)
        case read(Read)
    }

    private struct State {
        var turns = CircularBuffer<Turn>()
        /// The reads behind an account's present one.
        var waiting: [JID: CircularBuffer<Read>] = [:]
        var running = 0
        var isClosed = false
        var closing: [CheckedContinuation<Void, Never>] = []
    }

    private static let threads = DispatchQueue(label: "swallowtail.storage.reads", attributes: .concurrent)

    private let pool: DatabasePool
    private let startThread: @Sendable (@escaping @Sendable () -> Void) -> Void
    private let state = Mutex(State())

    /// - Parameter startThread: runs a function on a thread of its own.
    init(
        pool: DatabasePool,
        startThread: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void = { threads.async(execute: $0) }
    ) {
        self.pool = pool
        self.startThread = startThread
    }

    /// Runs the read, which sees the database as it was when the read began.
    ///
    /// - Parameters:
    ///   - account: whose turn it takes, a bare JID; nil: a turn of its own.
    ///   - time: how long it may run; nil: unlimited.
    /// - Throws: `StorageError`, of kind `cancelled` as soon as the current task is cancelled.
    func read<Value: Sendable>(
        for account: JID?, within time: Duration?, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StorageError) -> Value {
        let limit = ReadLimit(time)
        let answer = PendingRead<Value>()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard answer.isAwaited(by: continuation) else { return }
                let isTaken = submit(account) { [pool] in
                    guard !limit.isOver else { return }
                    answer.give(Result { try pool.read { try limit.watch($0, body) } }.mapError { StorageError($0) })
                }
                if !isTaken { answer.give(.failure(StorageError(.unavailable, "the store is closed"))) }
            }
        } onCancel: {
            limit.cancel()
            answer.give(.failure(StorageError(.cancelled, "nobody waits for the read any more")))
        }
        return try result.get()
    }

    /// Accepts no more reads, and waits for those accepted.
    func close() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                state.isClosed = true
                if state.running > 0 { state.closing.append(continuation) }
                return state.running == 0
            }
            if isIdle { continuation.resume() }
        }
    }

    /// - Returns: false if the queue is closed.
    func submit(_ account: JID?, _ read: @escaping Read) -> Bool {
        let (isTaken, needsThread) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            if let account {
                let isFirst = state.waiting[account] == nil
                state.waiting[account, default: CircularBuffer(initialCapacity: 1)].append(read)
                guard isFirst else { return (true, false) }
                state.turns.append(.account(account))
            } else {
                state.turns.append(.read(read))
            }
            guard state.running < pool.configuration.maximumReaderCount else { return (true, false) }
            state.running += 1
            return (true, true)
        }
        if needsThread { startThread { self.run() } }
        return isTaken
    }

    private func run() {
        while let (read, account) = next() {
            read()
            if let account { ended(account) }
        }
    }

    /// The next read and its account; nil ends the thread.
    private func next() -> (Read, JID?)? {
        let (next, closing): ((Read, JID?)?, [CheckedContinuation<Void, Never>]) = state.withLock { state in
            switch state.turns.popFirst() {
            case .read(let read):
                return ((read, nil), [])
            case .account(let account):
                if let read = state.waiting[account]?.popFirst() { return ((read, account), []) }
            case nil:
                break
            }
            state.running -= 1
            guard state.running == 0 else { return (nil, []) }
            defer { state.closing = [] }
            return (nil, state.closing)
        }
        for continuation in closing { continuation.resume() }
        return next
    }

    /// Ends the account's turn; if it has more reads, it is queued behind the others.
    private func ended(_ account: JID) {
        state.withLock { state in
            if state.waiting[account]?.isEmpty == false {
                state.turns.append(.account(account))
            } else {
                state.waiting[account] = nil
            }
        }
    }
}

/// The result of a read, delivered once: by whoever is first.
private final class PendingRead<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Result<Value, StorageError>, Never>)
        case given(Result<Value, StorageError>)
        case taken
    }

    private let state = Mutex(State.open)

    /// - Returns: whether the result is still missing; otherwise the continuation was resumed with it.
    func isAwaited(by continuation: CheckedContinuation<Result<Value, StorageError>, Never>) -> Bool {
        let given: Result<Value, StorageError>? = state.withLock { state in
            guard case .given(let result) = state else {
                state = .awaited(continuation)
                return nil
            }
            state = .taken
            return result
        }
        if let given { continuation.resume(returning: given) }
        return given == nil
    }

    func give(_ result: Result<Value, StorageError>) {
        let continuation: CheckedContinuation<Result<Value, StorageError>, Never>? = state.withLock { state in
            switch state {
            case .open:
                state = .given(result)
                return nil
            case .awaited(let continuation):
                state = .taken
                return continuation
            case .given, .taken:
                return nil
            }
        }
        continuation?.resume(returning: result)
    }
}
