import NIOCore
import XMPPServer

/// What is stored of rooms: a record for each, and in maps of the room's own, who is what to it and who is there.
struct RoomStore: Sendable {
    /// What the storage has of a room.
    struct Stored: Sendable {
        /// nil: there is no such room.
        var record: RoomRecord?
        var members: [JID: RoomMember] = [:]
        var occupants: [(jid: JID, occupant: StoredOccupant)] = []
    }

    static let recordsStore = "rooms"
    static let membersStore = "room-members"
    static let occupantsStore = "room-occupants"
    static let relationsStore = "room-relations"
    /// The only map of an owner in a store.
    private static let map = "rooms"
    private static let pageSize = 500

    /// All that is kept about people in rooms. What they said there stays with the room.
    static let personalData = [
        PersonalData(maps: recordsStore), PersonalData(maps: RoomRetention.store), PersonalData(maps: occupantsStore),
        PersonalData(maps: relationsStore),
        PersonalData(maps: membersStore, removal: forget),
    ]

    @Sendable private static func forget(_ account: JID, _ host: Host) async throws(StorageError) -> [StorageChange] {
        let store = RoomStore(host.jid, roomsPerOwner: 0, in: host.storage)
        let relations = try await store.all(store.relations, store.relationsMap(account))
        return relations.compactMap { JID($0.key) }.map { .removeItem(store.membersMap($0), key: account.string) }
    }

    let domain: JID
    /// How many rooms somebody may own.
    let roomsPerOwner: Int
    let records: MapStore<RoomRecord>
    let members: MapStore<RoomMember>
    let occupants: MapStore<StoredOccupant>
    /// By the people that rooms have to do with.
    let relations: MapStore<RoomRelation>

    init(_ domain: JID, roomsPerOwner: Int, in storage: any MapStorage & CommitQueue) {
        self.domain = domain
        self.roomsPerOwner = roomsPerOwner
        records = MapStore(Self.recordsStore, in: storage)
        members = MapStore(Self.membersStore, in: storage)
        occupants = MapStore(Self.occupantsStore, in: storage)
        relations = MapStore(Self.relationsStore, in: storage)
    }

    // MARK: Maps

    /// All rooms, by the local parts of their addresses.
    var recordsMap: MapName { records.map(Self.map, of: domain) }
    private func membersMap(_ room: JID) -> MapName { members.map(Self.map, of: room) }
    private func occupantsMap(_ room: JID) -> MapName { occupants.map(Self.map, of: room) }
    func relationsMap(_ person: JID) -> MapName { relations.map(Self.map, of: person) }

    private static func key(_ room: JID) -> String { room.local ?? "" }

    // MARK: Reading

    func read(_ room: JID) async throws(StorageError) -> Stored {
        var stored = Stored()
        stored.record = try await records.get(recordsMap, key: Self.key(room))
        guard stored.record != nil else { return stored }
        for item in try await all(members, membersMap(room)) {
            if let jid = JID(item.key) { stored.members[jid] = item.value }
        }
        for item in try await all(occupants, occupantsMap(room)) {
            if let jid = JID(item.key) { stored.occupants.append((jid, item.value)) }
        }
        return stored
    }

    /// How many rooms somebody owns, counted up to the limit.
    func owned(by person: JID) async throws(StorageError) -> Int {
        var count = 0
        var position = MapQuery.Position.first
        while count < roomsPerOwner {
            let query = MapQuery(relationsMap(person), order: .byKey(), position: position, limit: Self.pageSize)
            guard let page = try await relations.page(query), let last = page.items.last else { break }
            count += page.items.count { $0.value.affiliation == .owner }
            position = .after(last.key)
        }
        return count
    }

    private func all<Value>(
        _ store: MapStore<Value>, _ map: MapName
    ) async throws(StorageError) -> [MapItem<Value>] {
        var items: [MapItem<Value>] = []
        var position = MapQuery.Position.first
        while true {
            let query = MapQuery(map, order: .byPlace, position: position, limit: Self.pageSize)
            guard let page = try await store.page(query), let last = page.items.last else { break }
            items += page.items
            guard page.items.count == Self.pageSize else { break }
            position = .after(last.key)
        }
        return items
    }

    // MARK: Changes

    func putting(_ record: RoomRecord, _ room: JID) -> StorageChange {
        records.putting(record, recordsMap, key: Self.key(room), keepsPlace: true)
    }

    /// What somebody is to a room; nil: nothing any more.
    func putting(_ member: RoomMember?, of person: JID, _ room: JID) -> [StorageChange] {
        guard let member, !member.isNothing else {
            return [
                .removeItem(membersMap(room), key: person.string), .removeItem(relationsMap(person), key: room.string),
            ]
        }
        return [
            members.putting(member, membersMap(room), key: person.string, keepsPlace: true),
            relations.putting(
                RoomRelation(affiliation: member.affiliation, left: member.left), relationsMap(person),
                key: room.string,
                keepsPlace: true),
        ]
    }

    func putting(_ occupant: StoredOccupant, at session: JID, _ room: JID) -> StorageChange {
        occupants.putting(occupant, occupantsMap(room), key: session.string, keepsPlace: true)
    }

    func removing(session: JID, _ room: JID) -> StorageChange {
        .removeItem(occupantsMap(room), key: session.string)
    }

    /// Removes a room with all that it owns: what was said there, its card, who is what to it and who is there.
    func removing(_ room: JID, members people: some Sequence<JID>) -> [StorageChange] {
        [.removeItem(recordsMap, key: Self.key(room)), .removeAccount(room)]
            + people.map { .removeItem(relationsMap($0), key: room.string) }
    }
}
