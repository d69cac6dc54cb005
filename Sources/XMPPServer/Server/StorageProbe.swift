import Synchronization

/// Asks the storage whether it answers, for those who watch the server.
///
/// One read is under way at a time, whoever asks meanwhile waits for it, and once it is late nobody waits any more: so
/// frequent questions neither load a storage that is slow nor pile up before one that hangs.
final class StorageProbe: Sendable {
    private struct Look {
        let task: Task<Bool, Never>
        var isLate = false
    }

    private let current = Mutex<Look?>(nil)
    private let patience: Duration
    private let read: @Sendable () async throws -> Void

    /// - Parameters:
    ///   - patience: after this time the storage counts as not answering.
    ///   - read: reads something from the storage.
    init(patience: Duration = .seconds(2), read: @escaping @Sendable () async throws -> Void) {
        self.patience = patience
        self.read = read
    }

    /// Whether the storage answers, and without an error.
    func answers() async -> Bool {
        let look = current.withLock { current in
            if let current { return current }
            let look = Look(task: Task { await self.look() })
            current = look
            return look
        }
        guard !look.isLate else { return false }
        if let answer = await value(of: { await look.task.value }, within: patience) { return answer }
        current.withLock { current in
            if current?.task == look.task { current?.isLate = true }
        }
        return false
    }

    private func look() async -> Bool {
        defer { current.withLock { $0 = nil } }
        do {
            try await read()
            return true
        } catch {
            // Whoever asked is told; what the storage cannot do is logged where it is wanted.
            return false
        }
    }
}
