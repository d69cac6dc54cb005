import Synchronization
import XMPP

/// Hands out archive ids, each greater than all before it, in this process and in earlier ones.
///
/// An id is assigned before the entry is submitted, so that it can be sent along with the message.
public final class ArchiveIDGenerator: Sendable {
    private static let countBits: Int64 = 20

    private let newest: Mutex<Int64>

    /// A generator whose ids come after `newest`.
    public init(after newest: ArchiveID?) {
        self.newest = Mutex(newest?.rawValue ?? 0)
    }

    /// A generator whose ids come after all that the storage has ever seen.
    public convenience init(storage: any Storage) async throws(StorageError) {
        self.init(after: try await storage.newestArchiveID())
    }

    /// The next id. It tells the time, unless the clock stood still or went back: then it follows the id before it.
    public func next(at time: Timestamp) -> ArchiveID {
        let latest = Int64.max >> Self.countBits
        let fromClock = min(max(time.milliseconds, 0), latest) << Self.countBits
        return newest.withLock { newest in
            newest = max(fromClock, newest &+ 1)
            return ArchiveID(rawValue: newest)
        }
    }
}
