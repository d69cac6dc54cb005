import Synchronization
import XMPPServer

/// The executions of commands in progress on a host: bounded in total, per account and in time.
final class CommandSessions: Sendable {
    private static let capacity = 1000
    private static let perAccount = 10
    /// How long a client may take for one step.
    private static let patience = Duration.seconds(600)

    private struct Entry {
        let session: CommandSession
        let end: Duration
    }

    enum Found {
        case found(CommandSession)
        case unknown
        /// It existed, and its time is over.
        case expired
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let uptime: @Sendable () -> Duration

    init(uptime: @escaping @Sendable () -> Duration) {
        self.uptime = uptime
    }

    /// Takes a session out of the table, so that no step is performed twice.
    func take(_ id: String, of asker: JID, node: String) -> Found {
        let now = uptime()
        return entries.withLock { entries in
            guard let entry = entries[id], entry.session.asker == asker, entry.session.command.node == node else {
                return .unknown
            }
            entries[id] = nil
            return entry.end > now ? .found(entry.session) : .expired
        }
    }

    /// - Returns: false if there is no room.
    func put(_ session: CommandSession) -> Bool {
        let now = uptime()
        return entries.withLock { entries in
            let isOfSameAccount = { (entry: Entry) in entry.session.asker.isSameBare(as: session.asker) }
            if entries.count >= Self.capacity || entries.values.count(where: isOfSameAccount) >= Self.perAccount {
                entries = entries.filter { $0.value.end > now }
            }
            guard entries.count < Self.capacity, entries.values.count(where: isOfSameAccount) < Self.perAccount else {
                return false
            }
            entries[session.id] = Entry(session: session, end: now + Self.patience)
            return true
        }
    }
}
