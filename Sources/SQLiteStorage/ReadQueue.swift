import Dispatch
import GRDB
import NIOCore
import Synchronization
import XMPPServer

/// Runs reads on a few threads, in the order in which they came, each on a connection of its own.
///
/// A thread that has ended a read takes the next one at once, so that a read costs two changes of thread, and fewer
/// under load. What waits for a connection holds no thread.
final class ReadQueue: Sendable {
    private typealias Read = @Sendable () -> Void

    private struct State {
        var waiting = CircularBuffer<Read>()
        var running = 0
        var isClosed = false
        var closing: [CheckedContinuation<Void, Never>] = []
    }

    private let pool: DatabasePool
    private let threads = DispatchQueue(label: "swallowtail.storage.reads", attributes: .concurrent)
    private let state = Mutex(State())

    init(pool: DatabasePool) {
        self.pool = pool
    }

    /// Runs the read; it sees the database as it was when it began.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StorageError) -> Value {
        let result: Result<Value, StorageError> = await withCheckedContinuation { continuation in
            let isTaken = submit { [pool] in
                continuation.resume(returning: Result { try pool.read(body) }.mapError { StorageError($0) })
            }
            if !isTaken {
                continuation.resume(returning: .failure(StorageError(.unavailable, "the store is closed")))
            }
        }
        return try result.get()
    }

    /// Takes no more reads, and waits until those that were taken have ended.
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
    private func submit(_ read: @escaping Read) -> Bool {
        let (isTaken, needsThread) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.waiting.append(read)
            guard state.running < pool.configuration.maximumReaderCount else { return (true, false) }
            state.running += 1
            return (true, true)
        }
        if needsThread { threads.async { self.run() } }
        return isTaken
    }

    private func run() {
        while let read = next() { read() }
    }

    /// The next read; nil ends the thread's work.
    private func next() -> Read? {
        let (read, closing): (Read?, [CheckedContinuation<Void, Never>]) = state.withLock { state in
            if let read = state.waiting.popFirst() { return (read, []) }
            state.running -= 1
            guard state.running == 0 else { return (nil, []) }
            defer { state.closing = [] }
            return (nil, state.closing)
        }
        for continuation in closing { continuation.resume() }
        return read
    }
}
