import Synchronization
import XMPPServer

/// Removes what rooms have said that is older than their owners want it kept. A run looks at some of these rooms, and goes on
/// where the one before has stopped.
final class RoomRetention: Sendable {
    /// The rooms of one run, and the messages that are removed in it.
    private static let rooms = 200
    private static let messages = 20_000

    /// How long a room keeps what is said: the days, as they are stored under the first part of its address.
    struct Days: StoredValue {
        private static let namespace: Namespace = "urn:swallowtail:room#retention"

        let count: Int

        init(_ count: Int) { self.count = count }

        init?(stored element: Element) {
            guard let count = element["days"].flatMap({ Int($0) }) else { return nil }
            self.init(count)
        }

        func write(to writer: inout XMLWriter) {
            writer.element("retention", Self.namespace, ["days": String(count)])
        }
    }

    static let store = "room-retention"
    private static let map = "rooms"

    private let host: Host
    private let domain: JID
    private let days: MapStore<Days>
    /// The room that was looked at last; nil: the next run begins with the first.
    private let last = Mutex<String?>(nil)

    init(_ host: Host, of domain: JID) {
        self.host = host
        self.domain = domain
        days = MapStore(Self.store, in: host.storage)
    }

    private var name: MapName { days.map(Self.map, of: domain) }

    /// The change with which a room keeps what is said so many days; nil: as long as the service does.
    func setting(_ count: Int?, for room: JID) -> StorageChange {
        let key = room.local ?? ""
        return count.map { days.putting(Days($0), name, key: key) } ?? .removeItem(name, key: key)
    }

    func run() async {
        do throws(StorageError) {
            let position = last.withLock { $0 }.map(MapQuery.Position.after) ?? .first
            // The room may be gone after which the page was to begin.
            let page = try await days.page(MapQuery(name, order: .byKey(), position: position, limit: Self.rooms))
            last.withLock { $0 = page?.items.count == Self.rooms ? page?.items.last?.key : nil }
            var budget = Self.messages
            for item in page?.items ?? [] where budget > 0 {
                guard let room = JID(local: item.key, domain: domain.domain, resource: nil) else { continue }
                let age = Int64(item.value.count) * 86_400_000
                let query = ArchiveQuery(
                    collection: ArchiveEntry.archive, owner: room,
                    until: Timestamp(milliseconds: host.now().milliseconds - age), limit: budget)
                budget -= try await host.storage.removeArchived(query)
            }
        } catch {
            _ = host.report(error)
        }
    }
}
