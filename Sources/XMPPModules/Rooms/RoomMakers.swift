import Synchronization
import XMPPServer

/// Who is making rooms now: many that are made at the same time count as well.
final class RoomMakers: Sendable {
    /// Rooms that are not stored yet, by the bare JIDs of those who make them.
    private let making = Mutex<[JID: Int]>([:])
    private let store: RoomStore
    private let host: Host

    init(_ store: RoomStore, host: Host) {
        self.store = store
        self.host = host
    }

    /// Counts the rooms of somebody who makes another one. In any case `end` is to be called, when that is stored or given up.
    ///
    /// - Parameter person: a bare JID.
    /// - Returns: why they may not; nil: they may.
    func begin(_ person: JID) async -> StanzaError? {
        let others = making.withLock { making in
            let others = making[person] ?? 0
            making[person] = others + 1
            return others
        }
        do throws(StorageError) {
            return try await store.owned(by: person) + others < store.roomsPerOwner ? nil : .resourceConstraint
        } catch {
            return host.report(error)
        }
    }

    func end(_ person: JID) {
        making.withLock { making in
            guard let count = making[person] else { return }
            making[person] = count > 1 ? count - 1 : nil
        }
    }
}
