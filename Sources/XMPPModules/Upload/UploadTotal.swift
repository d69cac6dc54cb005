import Synchronization
import XMPPServer

/// How many bytes the files of a host take, all in all. They are counted part by part, and what is stored and removed is
/// added and taken off; a part that is counted again is right again.
///
/// A count may or may not have seen what changes meanwhile. So the files that change while their part is counted are left
/// out of the count, and added as they are afterwards.
final class UploadTotal: Sendable {
    private struct Part {
        /// nil: it has not been counted yet.
        var bytes: Int?
        /// While it is counted: the sizes of files that have changed since; 0: the file is gone.
        var changes: [FileID: Int]?
    }

    private let parts = Mutex([Part](repeating: Part(), count: FileID.prefixes.count))
    private let counting = OneAtATime<Int>()

    /// nil: not all parts have been counted yet.
    var bytes: Int? {
        parts.withLock { parts in
            var total = 0
            for part in parts {
                guard let bytes = part.bytes else { return nil }
                total += bytes
            }
            return total
        }
    }

    /// A file is stored, once.
    func add(_ id: FileID, size: Int) { change(id, by: size, to: size) }

    /// A file is gone, once.
    func remove(_ id: FileID, size: Int) { change(id, by: -size, to: 0) }

    private func change(_ id: FileID, by difference: Int, to size: Int) {
        parts.withLock { parts in
            parts[id.part].bytes = parts[id.part].bytes.map { $0 + difference }
            parts[id.part].changes?[id] = size
        }
    }

    /// Counts a part.
    ///
    /// - Parameters:
    ///   - isNew: whether a part that has been counted is left as it is.
    ///   - read: reads the files of the part with their owners.
    func count(
        _ part: Int, unlessCounted isNew: Bool = false,
        _ read: @Sendable () async throws(StorageError) -> [FileID: FileOwner]
    ) async throws(StorageError) {
        try await counting.run(for: part) { () async throws(StorageError) in
            let isNeeded = parts.withLock { parts in
                guard !isNew || parts[part].bytes == nil else { return false }
                parts[part].changes = [:]
                return true
            }
            guard isNeeded else { return }
            defer { parts.withLock { $0[part].changes = nil } }
            let owners = try await read()
            parts.withLock { parts in
                let changes = parts[part].changes ?? [:]
                let unchanged = owners.reduce(0) { changes[$1.key] == nil ? $0 + $1.value.size : $0 }
                parts[part].bytes = unchanged + changes.values.reduce(0, +)
            }
        }
    }
}
