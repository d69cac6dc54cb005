import Synchronization
import XMPPServer

/// The slots that are open. Each reserves room for its file until it has been uploaded, or the slot's time is over.
package final class UploadSlots: Sendable {
    /// Slots of all accounts, and of one.
    private static let capacity = 10_000
    static let share = 50

    private struct Entry {
        let slot: UploadSlot
        var isInUse = false
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var files: Set<FileID> = []
        var reserved: [JID: (count: Int, bytes: Int)] = [:]
        var bytes = 0

        mutating func remove(_ secret: String) {
            guard let slot = entries.removeValue(forKey: secret)?.slot else { return }
            files.remove(slot.file.id)
            bytes -= slot.file.size
            let owner = slot.account.jid
            guard let (count, bytes) = reserved[owner], count > 1 else {
                reserved[owner] = nil
                return
            }
            reserved[owner] = (count - 1, bytes - slot.file.size)
        }

        mutating func removeExpired(_ now: Timestamp) {
            for (secret, entry) in entries where entry.slot.end <= now && !entry.isInUse { remove(secret) }
        }
    }

    private let state = Mutex(State())

    /// Opens a slot if there is room for its file.
    ///
    /// - Parameters:
    ///   - free: what the account may use beyond what it uses.
    ///   - freeInAll: bytes that the host may use beyond those that it uses.
    func open(_ slot: UploadSlot, free: UploadUse, freeInAll: Int, now: Timestamp) -> Bool {
        state.withLock { state in
            func hasRoom() -> Bool {
                let (count, bytes) = state.reserved[slot.account.jid] ?? (0, 0)
                return count < min(Self.share, free.files) && state.entries.count < Self.capacity
                    && bytes + slot.file.size <= free.bytes && state.bytes + slot.file.size <= freeInAll
            }
            if !hasRoom() { state.removeExpired(now) }
            guard hasRoom() else { return false }
            state.entries[slot.secret] = Entry(slot: slot)
            state.files.insert(slot.file.id)
            state.bytes += slot.file.size
            let (count, bytes) = state.reserved[slot.account.jid] ?? (0, 0)
            state.reserved[slot.account.jid] = (count + 1, bytes + slot.file.size)
            return true
        }
    }

    /// Whether a file is announced that is not stored yet.
    func expects(_ id: FileID) -> Bool { state.withLock { $0.files.contains(id) } }

    /// What came of looking for a slot.
    package enum Finding {
        case found(UploadSlot)
        /// Its file is on its way.
        case inUse
        /// There is none, or not any more.
        case none
    }

    /// Begins an upload: nobody else can until `giveBack`.
    func take(_ secret: String, now: Timestamp) -> Finding {
        state.withLock { state in
            guard let entry = state.entries[secret], !entry.slot.isVoid else { return .none }
            guard !entry.isInUse else { return .inUse }
            guard entry.slot.end > now else {
                state.remove(secret)
                return .none
            }
            state.entries[secret]?.isInUse = true
            return .found(entry.slot)
        }
    }

    /// The upload failed: within its time, the slot can be used again.
    func giveBack(_ slot: UploadSlot) { state.withLock { $0.entries[slot.secret]?.isInUse = false } }

    /// The slot is used up.
    func remove(_ slot: UploadSlot) { state.withLock { $0.remove(slot.secret) } }

    /// Removes slots that nobody has used in time.
    func removeExpired(_ now: Timestamp) { state.withLock { $0.removeExpired(now) } }

    /// The account is gone, and with it its slots.
    func removeAll(of account: JID) {
        state.withLock { state in
            for (secret, entry) in state.entries where entry.slot.account.jid == account {
                entry.slot.makeVoid()
                state.remove(secret)
            }
        }
    }
}
