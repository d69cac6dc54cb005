import Synchronization
import XMPPServer

/// XEP-0437: tells people who are not in their rooms that something was said there: each session that has asked for it once a
/// room, until it enters the room or asks anew. They are told of rooms that they belong to.
final class ActivityNotices: Sendable {
    static let namespace: Namespace = "urn:xmpp:rai:0"

    /// Sessions that may ask for it at once: all together, and of one account.
    private static let maximumPeople = 100_000
    private static let maximumSessions = 20
    /// Rooms that somebody is told of when they ask.
    private static let rooms = 200

    /// The rooms that a session was told of, by full JIDs, by bare JIDs.
    private let told = Mutex<[JID: [JID: Set<JID>]]>([:])
    private let host: Host
    private let domain: JID

    init(host: Host, domain: JID) {
        self.host = host
        self.domain = domain
    }

    /// A session asks to be told.
    ///
    /// - Returns: `resource-constraint` if there are too many.
    func begin(_ session: JID, _ store: RoomStore) -> StanzaError? {
        let isTaken = told.withLock { told in
            var sessions = told[session.bare] ?? [:]
            guard !sessions.isEmpty || told.count < Self.maximumPeople,
                sessions[session] != nil || sessions.count < Self.maximumSessions
            else { return false }
            sessions[session] = []
            told[session.bare] = sessions
            return true
        }
        guard isTaken else { return StanzaError(.resourceConstraint) }
        host.router.begin { [self] in
            do throws(StorageError) {
                tell([session], of: try await missed(by: session.bare, store))
            } catch {
                _ = host.report(error)
            }
        }
        return nil
    }

    func end(_ session: JID) {
        told.withLock { told in
            told[session.bare]?[session] = nil
            if told[session.bare]?.isEmpty == true { told[session.bare] = nil }
        }
    }

    /// Somebody is in a room: what is said there when they have left is new.
    func entered(_ room: JID, _ person: JID) {
        told.withLock { told in
            for session in (told[person] ?? [:]).keys { told[person]?[session]?.remove(room) }
        }
    }

    /// Something was said in a room in which these people are not.
    func said(in room: JID, absent people: [JID]) {
        let sessions = told.withLock { told in
            told.isEmpty ? [] : people.flatMap { Array((told[$0] ?? [:]).keys) }
        }
        tell(sessions, of: [room])
    }

    /// The rooms in which something was said since somebody left them.
    private func missed(by person: JID, _ store: RoomStore) async throws(StorageError) -> [JID] {
        await host.storage.flush()
        let query = MapQuery(store.relationsMap(person), order: .byKey(), limit: Self.rooms)
        var rooms: [JID] = []
        for item in try await store.relations.page(query)?.items ?? [] where item.value.affiliation >= .member {
            guard let room = JID(item.key), room.isSameDomain(as: domain), let left = item.value.left else { continue }
            let said = ArchiveQuery(collection: ArchiveEntry.archive, owner: room, since: left, limit: 1)
            if try await host.storage.archivedCount(said) > 0 { rooms.append(room) }
        }
        return rooms
    }

    private func tell(_ sessions: [JID], of rooms: [JID]) {
        for session in sessions {
            let news = told.withLock { told in
                rooms.filter { told[session.bare]?[session]?.insert($0).inserted == true }
            }
            guard !news.isEmpty else { continue }
            var writer = XMLWriter()
            writer.start("message", .client)
            writer.attribute("from", domain.string)
            writer.attribute("to", session.string)
            writer.attribute("type", "headline" as StaticString)
            writer.element("rai", Self.namespace) { writer in
                for room in news { writer.element("activity", text: room.string) }
            }
            writer.end()
            guard let stanza = host.stanza(fromOwn: writer.finish(), "a notice of activity") else { continue }
            host.router.route(stanza, from: domain, to: session, host: host)
        }
    }
}
