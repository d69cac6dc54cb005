import Synchronization
import XMPPServer

/// The push registrations of an account in memory, and the state of their notifications.
final class PushList: Sendable {
    private struct Entry {
        var registration: PushRegistration
        /// The number of messages since the client was last connected.
        var count = 0
        /// Whether a notification is in progress.
        var isBusy = false
        /// Whether more messages have come meanwhile.
        var isDue = false
        /// The number of temporary refusals in a row.
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

    /// Takes a place for a registration that is about to be stored. False: there are too many, including those being
    /// stored.
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

    /// The client has connected: nothing waits for it.
    func wasSeen(_ resource: String) {
        entries.withLock { entries in
            for (key, entry) in entries where entry.registration.resource == resource { entries[key]?.count = 0 }
        }
    }

    /// Counts one more message for the clients that `isMeant` selects.
    ///
    /// - Returns: the registrations to notify; others have a notification in progress.
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

    /// The number of waiting messages for a notification; nil: the registration is gone.
    func take(_ key: String) -> Int? {
        entries.withLock { entries in
            entries[key]?.isDue = false
            return entries[key]?.count
        }
    }

    /// - Returns: whether there are more messages to notify of.
    func told(_ key: String) -> Bool {
        entries.withLock { entries in
            entries[key]?.failures = 0
            let isDue = entries[key]?.isDue ?? false
            entries[key]?.isBusy = isDue
            return isDue
        }
    }

    /// - Returns: the number of failures in a row.
    func failed(_ key: String) -> Int {
        entries.withLock { entries in
            entries[key]?.isBusy = false
            entries[key]?.failures += 1
            return entries[key]?.failures ?? 0
        }
    }

    /// The app server was not there.
    func missed(_ key: String) { entries.withLock { $0[key]?.isBusy = false } }
}
