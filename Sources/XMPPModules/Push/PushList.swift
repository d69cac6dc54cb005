import Synchronization
import XMPPServer

/// The app servers of an account, while it is in memory, and what they have been told.
final class PushList: Sendable {
    private struct Entry {
        var registration: PushRegistration
        /// Messages that wait since the client was there.
        var count = 0
        /// A notification is under way.
        var isBusy = false
        /// More has come meanwhile.
        var isDue = false
        /// Refusals in a row that may pass.
        var failures = 0
    }

    private let entries = Mutex<[String: Entry]>([:])
    /// The keys of registrations that are being stored.
    private let arriving = Mutex<[String]>([])
    private let isUsed = Atomic<Bool>(false)

    var isEmpty: Bool { !isUsed.load(ordering: .acquiring) }
    var all: [PushRegistration] { entries.withLock { $0.values.map(\.registration) } }

    func put(_ registration: PushRegistration) {
        entries.withLock { entries in
            entries[registration.key] = Entry(registration: registration)
            isUsed.store(true, ordering: .releasing)
        }
    }

    /// Takes a place for a registration that is about to be stored. False: there are too many, with those on their way.
    func begin(_ key: String, atMost maximum: Int) -> Bool {
        entries.withLock { entries in
            arriving.withLock { arriving in
                guard Set(entries.keys).union(arriving).union([key]).count <= maximum else { return false }
                arriving.append(key)
                return true
            }
        }
    }

    /// The registration is stored, or could not be.
    func end(_ registration: PushRegistration, isStored: Bool) {
        if isStored { put(registration) }
        arriving.withLock { arriving in
            if let index = arriving.firstIndex(of: registration.key) { arriving.remove(at: index) }
        }
    }

    func remove(_ key: String) {
        entries.withLock { entries in
            entries[key] = nil
            isUsed.store(!entries.isEmpty, ordering: .releasing)
        }
    }

    /// The client is there: nothing waits for it.
    func wasSeen(_ resource: String) {
        entries.withLock { entries in
            for (key, entry) in entries where entry.registration.resource == resource { entries[key]?.count = 0 }
        }
    }

    /// One more message waits for the clients that `isMeant` names.
    ///
    /// - Returns: whose app servers have to be told; for others that is under way.
    func messageWaits(where isMeant: (PushRegistration) -> Bool) -> [PushRegistration] {
        entries.withLock { entries in
            var idle: [PushRegistration] = []
            for (key, entry) in entries where isMeant(entry.registration) {
                entries[key]?.count += 1
                if entry.isBusy {
                    entries[key]?.isDue = true
                } else {
                    entries[key]?.isBusy = true
                    idle.append(entry.registration)
                }
            }
            return idle
        }
    }

    /// How many messages wait for the client, as it is about to be told; `nil`: the registration is gone.
    func take(_ key: String) -> Int? {
        entries.withLock { entries in
            entries[key]?.isDue = false
            return entries[key]?.count
        }
    }

    /// - Returns: whether there is more to tell.
    func told(_ key: String) -> Bool {
        entries.withLock { entries in
            entries[key]?.failures = 0
            let isDue = entries[key]?.isDue ?? false
            entries[key]?.isBusy = isDue
            return isDue
        }
    }

    /// - Returns: how often in a row it has failed.
    func failed(_ key: String) -> Int {
        entries.withLock { entries in
            entries[key]?.isBusy = false
            entries[key]?.failures += 1
            return entries[key]?.failures ?? 0
        }
    }

    /// Nobody was there to be told.
    func missed(_ key: String) { entries.withLock { $0[key]?.isBusy = false } }
}
