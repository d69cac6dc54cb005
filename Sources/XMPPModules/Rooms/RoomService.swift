import XMPPServer

/// What all rooms of a host have in common.
final class RoomService: Sendable {
    let host: Host
    let domain: JID
    let settings: Rooms.Settings
    let store: RoomStore
    let directory: RoomDirectory
    let retention: RoomRetention
    let notices: ActivityNotices
    let makers: RoomMakers
    /// What people do in rooms, by their bare JIDs.
    private let messages: AttemptLimit<JID>
    private let changes: AttemptLimit<JID>
    private let invitations: AttemptLimit<JID>
    private let searches: AttemptLimit<JID>

    init(_ domain: JID, _ settings: Rooms.Settings, host: Host) {
        self.host = host
        self.domain = domain
        self.settings = settings
        store = RoomStore(domain, roomsPerOwner: settings.roomsPerOwner, in: host.storage)
        directory = RoomDirectory(host: host)
        retention = RoomRetention(host, of: domain)
        notices = ActivityNotices(host: host, domain: domain)
        makers = RoomMakers(store, host: host)
        messages = AttemptLimit(limit: settings.messagesPerSecond, within: .seconds(1))
        invitations = AttemptLimit(limit: settings.invitationsPerHour, within: .seconds(3600))
        searches = AttemptLimit(limit: RoomSearch.perMinute, within: .seconds(60))
        changes = AttemptLimit(limit: settings.changesPerMinute, within: .seconds(60))
    }

    /// Whether somebody may send another message now.
    func takesMessage(of person: JID) -> Bool { messages.take(person.bare, at: host.uptime()) != nil }

    /// Whether somebody may enter, leave, or change their presence now.
    func takesChange(of person: JID) -> Bool { changes.take(person.bare, at: host.uptime()) != nil }

    /// Whether somebody may invite another one, or have the room ask others something, now.
    func takesInvitation(by person: JID) -> Bool { invitations.take(person.bare, at: host.uptime()) != nil }

    /// Whether somebody may look for rooms now.
    func takesSearch(of person: JID) -> Bool { searches.take(person.bare, at: host.uptime()) != nil }

    /// Whether somebody may make rooms.
    func mayMakeRooms(_ person: JID) -> Bool {
        guard person.isSameDomain(as: host.jid) else { return false }
        // Whoever asks is there, so the account is in memory.
        return settings.creators == .people || host.accounts.cached(person.bare)?.account.isAdministrator == true
    }

    // MARK: Stanzas

    /// Has a room deal with a stanza, on its loop; the answers wait until what that changes is stored.
    func take(
        at room: JID,
        _ body: @escaping @Sendable (Room, _ changes: [StorageChange], _ done: @escaping Room.Done) -> Void
    ) -> Verdict {
        .keep { [self] changes, submitted, done in
            directory.post(to: room, of: self) { result in
                switch result {
                case .success(let room):
                    if room.submits({ body(room, changes, done) }) { submitted() }
                case .failure(let error): done(error)
                }
            }
        }
    }

    /// Has a room deal with a stanza that changes nothing of its own, on its loop, before its sender's next stanza; unless so
    /// much waits to be sent that it takes no more.
    func settle(
        _ room: JID, _ body: @escaping @Sendable (Room, _ done: @escaping Room.Done) -> Void
    ) -> Verdict {
        .wait { [self] in
            await withCheckedContinuation { continuation in
                let done: Room.Done = { continuation.resume(returning: $0.map { .bounce($0) } ?? .handled) }
                directory.post(to: room, of: self) { result in
                    switch result {
                    case .success(let room):
                        if room.output.isFull { done(.resourceConstraint) } else { body(room, done) }
                    case .failure(let error): done(error)
                    }
                }
            }
        }
    }

    /// Has a room answer a request, on its loop.
    func ask(_ room: JID, _ body: @escaping @Sendable (Room, _ answer: @escaping @Sendable (Reply) -> Void) -> Void)
        -> Reply
    {
        // From now on: the server ends when the answer is there.
        host.router.workBegan()
        return .async { [self] in
            defer { host.router.workEnded() }
            return await withCheckedContinuation { continuation in
                directory.post(to: room, of: self) { result in
                    switch result {
                    case .success(let room): body(room) { continuation.resume(returning: $0) }
                    case .failure(let error): continuation.resume(returning: .error(error))
                    }
                }
            }
        }
    }
}
