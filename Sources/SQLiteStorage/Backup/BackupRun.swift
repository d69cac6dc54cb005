import Dispatch
import Synchronization
import XMPPServer

/// The running backup of an open store, if any: one at a time, on a thread of its own.
final class BackupRun: Sendable {
    private struct State {
        var isRunning = false
        var isClosed = false
        var closing: [CheckedContinuation<Void, Never>] = []
    }

    private static let threads = DispatchQueue(label: "swallowtail.storage.backup", attributes: .concurrent)

    private let state = Mutex(State())

    /// Runs the function, which ends soon when its argument says so.
    func run(
        _ body: @escaping @Sendable (_ isCancelled: @escaping () -> Bool) -> Result<Void, StorageError>
    ) async throws(StorageError) {
        let refusal: StorageError? = state.withLock { state in
            if state.isClosed { return StorageError(.unavailable, "the store is closed") }
            if state.isRunning { return StorageError(.inUse, "another backup is being made") }
            state.isRunning = true
            return nil
        }
        if let refusal { throw refusal }
        let result = await withCheckedContinuation { continuation in
            Self.threads.async {
                let result = body { self.state.withLock(\.isClosed) }
                self.end()
                continuation.resume(returning: result)
            }
        }
        try result.get()
    }

    /// Ends the run, and waits for it. No other begins.
    func close() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                state.isClosed = true
                if state.isRunning { state.closing.append(continuation) }
                return !state.isRunning
            }
            if isIdle { continuation.resume() }
        }
    }

    private func end() {
        let closing = state.withLock { state in
            state.isRunning = false
            defer { state.closing = [] }
            return state.closing
        }
        for continuation in closing { continuation.resume() }
    }
}
