import XMPPServer

/// What administrators do with rooms.
struct RoomCommands: Sendable {
    /// Rooms that are listed at once.
    private static let maximum = 1_000
    /// Rooms that are looked through for one list.
    private static let searched = 100_000
    private static let pageSize = 500
    private static let roomHelp = "The room's address, or the first part of it."

    let service: RoomService

    var commands: [Command] {
        [
            Command(
                "room-list", "Lists rooms.", for: .administrator, isReading: true, isLasting: true,
                .optional(.text("search", "A text that the room's address or its name has in it.")),
                .optional(.text("after", "The room behind which the list begins."))
            ) { _, text, after in try await list(text, after) },
            Command(
                "room-show", "Shows a room.", for: .administrator, isReading: true, .text("room", Self.roomHelp)
            ) { _, room in try await ofRoom(room) { $1(.success($0.info)) } },
            Command(
                "room-create", "Makes a room that stays.", for: .administrator, .text("room", Self.roomHelp),
                .account("owner", "The account that owns the room."),
                .optional(.text("name", "The room's name."))
            ) { _, room, owner, name in try await create(room, owner.jid, name) },
            Command(
                "room-set", "Changes the configuration of a room.", for: .administrator, .text("room", Self.roomHelp),
                .texts("fields", "What to change, such as `membersonly=true` or `roomname=Lounge`.")
            ) { _, room, fields in try await set(room, fields) },
            Command(
                "room-destroy", "Destroys a room with all that was said there.", for: .administrator,
                .text("room", Self.roomHelp), .optional(.text("reason", "What those are told who are there.")),
                .optional(.text("alternative", "The address of a room to go to."))
            ) { _, room, reason, alternative in try await destroy(room, reason, alternative) },
            Command(
                "room-people", "Lists who is what to a room, and who is there.", for: .administrator, isReading: true,
                .text("room", Self.roomHelp)
            ) { _, room in try await ofRoom(room) { $1(.success($0.people)) } },
            Command(
                "room-affiliate", "Says what somebody is to a room.", for: .administrator,
                .text("room", Self.roomHelp), .text("person", "The address of the person."),
                .choice(
                    "affiliation", of: RoomAffiliation.allCases.map(\.rawValue),
                    default: RoomAffiliation.member.rawValue,
                    "What they are to be.")
            ) { _, room, person, affiliation in try await affiliate(room, person, affiliation) },
        ]
    }

    // MARK: What they do

    private func list(_ text: String?, _ after: String?) async throws -> [RoomInfo] {
        let store = service.store
        let counts = service.directory.occupantCounts
        let text = text?.lowercased()
        var rooms: [RoomInfo] = []
        var position = after.map { MapQuery.Position.after(JID($0)?.local ?? $0) } ?? .first
        var searched = 0
        while rooms.count < Self.maximum, searched < Self.searched {
            let query = MapQuery(store.recordsMap, order: .byKey(), position: position, limit: Self.pageSize)
            guard let page = try await store.records.page(query) else {
                throw AdministrationError("there is no room \(after ?? "")", .notFound)
            }
            for item in page.items {
                guard let address = JID(local: item.key, domain: service.domain.domain, resource: nil) else { continue }
                let name = item.value.configuration.name
                guard text.map({ item.key.contains($0) || name.lowercased().contains($0) }) ?? true else { continue }
                rooms.append(RoomInfo(address, item.value, occupants: counts[address] ?? 0))
            }
            guard let last = page.items.last, page.items.count == Self.pageSize else { break }
            searched += page.items.count
            position = .after(last.key)
        }
        return Array(rooms.prefix(Self.maximum))
    }

    private func create(_ room: String, _ owner: JID, _ name: String?) async throws -> RoomInfo {
        try await inRoom(room) { room, done in
            guard !room.exists else {
                return done(.failure(AdministrationError("there is a room \(room.address) already", .conflict)))
            }
            let changes = room.make(owner) { record in
                record.configuration.isPersistent = true
                record.configuration.name = name ?? ""
            }
            room.commit(changes) { done(Self.result($0) { room.info }) }
        }
    }

    private func set(_ room: String, _ fields: [String]) async throws -> RoomInfo {
        let form = DataForm(
            fields: try fields.map { text in
                do throws(StanzaError) {
                    return try RoomConfiguration.field(text)
                } catch {
                    throw AdministrationError("write \"\(text)\" as NAME=VALUE")
                }
            })
        return try await ofRoom(room) { room, done in
            do throws(StanzaError) {
                room.commit(try room.configure(form, by: room.address)) { done(Self.result($0) { room.info }) }
            } catch {
                done(.failure(AdministrationError("the room does not take such a configuration")))
            }
        }
    }

    private func destroy(_ room: String, _ reason: String?, _ alternative: String?) async throws -> Sentence {
        let venue = try alternative.map { text in
            guard let jid = JID(text) else { throw AdministrationError("\"\(text)\" is no address") }
            return jid
        }
        return try await ofRoom(room) { room, done in
            room.commit(room.destroy(venue, reason: reason)) {
                done(Self.result($0) { "the room \(room.address) is destroyed" })
            }
        }
    }

    private func affiliate(_ room: String, _ person: String, _ affiliation: String) async throws -> Sentence {
        guard let person = JID(person)?.bare else { throw AdministrationError("\"\(person)\" is no address") }
        guard let affiliation = RoomAffiliation(rawValue: affiliation) else {
            throw AdministrationError("\"\(affiliation)\" is no affiliation")
        }
        return try await ofRoom(room) { room, done in
            let changes = [AffiliationChange(person: person, affiliation: affiliation)]
            let standing = RoomStanding(affiliation: .owner, role: .moderator)
            if let error = room.refusal(of: changes, by: standing, room.address) {
                return done(
                    .failure(
                        AdministrationError(
                            error.condition == .conflict
                                ? "a room has an owner at all times" : "too many have to do with the room", .conflict)))
            }
            room.commit(room.apply(changes, by: room.address)) {
                done(Self.result($0) { "\(person) is \(affiliation.rawValue) of \(room.address)" })
            }
        }
    }

    // MARK: Going to a room

    private typealias Finish<Value> = @Sendable (Result<Value, AdministrationError>) -> Void

    /// Does something with a room, on its loop.
    ///
    /// - Parameter name: its address, or the first part of it.
    private func inRoom<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable (Room, @escaping Finish<Value>) -> Void
    ) async throws -> Value {
        guard
            let address = name.contains("@")
                ? JID(name) : JID(local: name, domain: service.domain.domain, resource: nil),
            address.hasLocal, address.isBare, address.isSameDomain(as: service.domain)
        else { throw AdministrationError("\"\(name)\" is no room of \(service.domain)") }
        return try await withCheckedContinuation { continuation in
            service.directory.post(to: address, of: service) { result in
                switch result {
                case .success(let room): body(room) { continuation.resume(returning: $0) }
                case .failure:
                    continuation.resume(returning: .failure(AdministrationError("the store failed", .failed)))
                }
            }
        }.get()
    }

    /// The same with a room that there is.
    private func ofRoom<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable (Room, @escaping Finish<Value>) -> Void
    ) async throws -> Value {
        try await inRoom(name) { room, done in
            guard room.exists else {
                return done(.failure(AdministrationError("there is no room \(room.address)", .notFound)))
            }
            body(room, done)
        }
    }

    private static func result<Value>(
        _ error: StanzaError?, _ value: () -> Value
    ) -> Result<Value, AdministrationError> {
        error == nil ? .success(value()) : .failure(AdministrationError("the store failed", .failed))
    }
}

/// A room, for administrators.
struct RoomInfo: CommandRecord {
    let address: String
    let name: String
    let occupants: Int
    let isPublic: Bool
    let isPersistent: Bool
    let isForMembers: Bool
    let createdAt: String
    let configuration: [(name: String, values: [String])]

    static let columns: [CommandColumn<RoomInfo>] = [
        .text("room", "room", shape: .address) { $0.address },
        .text("name", "name") { $0.name.isEmpty ? nil : $0.name },
        .integer("occupants", "occupants") { $0.occupants },
        .boolean("isPublic", "public") { $0.isPublic },
        .boolean("isPersistent", "stays") { $0.isPersistent },
        .boolean("isForMembers", "for members") { $0.isForMembers },
        .text("createdAt", .init(list: "made"), shape: .moment) { $0.createdAt },
        .text("configuration", .init(list: "configuration")) { room in
            room.configuration.map { "\($0.name)=\($0.values.joined(separator: ","))" }.joined(separator: " ")
        },
    ]
    static let none = "There are no rooms."

    init(_ address: JID, _ record: RoomRecord, occupants: Int) {
        let configuration = record.configuration
        self.address = address.string
        name = configuration.name
        self.occupants = occupants
        isPublic = configuration.isPublic
        isPersistent = configuration.isPersistent
        isForMembers = configuration.isForMembers
        createdAt = record.created.xep0082
        // Passwords are for those who are in the room.
        self.configuration = configuration.differences(from: RoomConfiguration()).filter {
            $0.name != "muc#roomconfig_roomsecret"
        }
    }
}

/// Somebody who has to do with a room, for administrators.
struct RoomPersonInfo: CommandRecord {
    let address: String
    let affiliation: RoomAffiliation
    let nickname: String?
    /// nil: they are not there.
    let role: RoomRole?

    static let columns: [CommandColumn<RoomPersonInfo>] = [
        .text("person", "person", shape: .address) { $0.address },
        .text("affiliation", "affiliation") { $0.affiliation.rawValue },
        .text("nickname", "nickname") { $0.nickname },
        .text("role", "role", noneInTable: "away") { $0.role?.rawValue },
    ]
    static let none = "Nobody is there, and nobody has to do with the room."
}

extension Room {
    /// The room, for administrators.
    var info: RoomInfo { RoomInfo(address, record, occupants: occupants.count) }

    /// Those who have to do with the room or are there, by their addresses.
    var people: [RoomPersonInfo] {
        let present = occupants.values.map { occupant in
            RoomPersonInfo(
                address: occupant.jid.string, affiliation: affiliation(of: occupant.jid), nickname: occupant.nickname,
                role: occupant.role)
        }
        let there = Set(occupants.values.map(\.jid))
        let away = members.filter { !there.contains($0.key) }.map { jid, member in
            RoomPersonInfo(address: jid.string, affiliation: member.affiliation, nickname: member.nickname, role: nil)
        }
        return (present + away).sorted { $0.address < $1.address }
    }
}
