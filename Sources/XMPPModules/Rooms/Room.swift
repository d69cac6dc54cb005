import NIOCore
import Synchronization
import XMPPServer

/// A room in memory: who is there, who is what to it, and what it has to send.
///
/// **Isolation.** A room belongs to one event loop, on which all that happens in it happens, one after the other: that is the
/// order of its archive, and what each occupant sees. Nothing else touches it; `RoomDirectory.post` is the way there. Hence
/// `@unchecked Sendable`.
///
/// **Life.** It is read when something is posted to it, and let go when nobody is in it. What changes is stored; those who are
/// in it as well, so that a server that was killed has its rooms as they were.
final class Room: @unchecked Sendable {
    /// A bare JID.
    let address: JID
    let service: RoomService
    let loop: LoopContext

    var record: RoomRecord
    /// Whether there is such a room. Without one this says what would become of it.
    var exists: Bool { didSet { if exists != oldValue { generation += 1 } } }
    /// Rises when the room is made or destroyed: what was begun before does not concern the room that there is now.
    private(set) var generation = 0
    /// By bare JID; who is nothing to the room is not in it.
    var members: [JID: RoomMember] { didSet { knownAbsent = nil } }
    /// By the keys of their nicknames.
    private(set) var occupants: [String: Occupant] = [:]
    /// Who has reserved nicknames, by their keys.
    var reservations: [String: JID] = [:]
    /// The keys of occupants' nicknames by their sessions' full JIDs.
    private(set) var nicknames: [JID: String] = [:]
    /// All sessions; nil: to be put together anew.
    private var knownAddresses: [JID]?
    /// Members and above who are not there; nil: to be put together anew.
    private var knownAbsent: [JID]?

    let output = RoomOutput()
    /// Tells those who are away that something was said.
    private(set) lazy var news: RoomNews = {
        let news = RoomNews(host: host, on: loop)
        news.whenEmpty = { [weak self] in self?.later {} }
        return news
    }()
    /// When people have sent their last messages, where they have to wait between two; by host's uptime and bare JIDs.
    var lastMessages: [JID: Duration] = [:]
    var activity: RoomActivity
    var invited = Invited()
    /// The number of occupants, for those who are not on the loop.
    let occupantCount = Atomic<Int>(0)
    /// Requests that were passed on and are not answered, by the ids that they were given.
    var relayed: [String: Relayed] = [:]
    /// Groups of changes that are not durable yet, and other things that are waited for.
    private var commits = 0
    /// Whether something that has changed here could not be stored: it is to be read anew.
    private var isStale = false
    /// Whether changes that it was given are submitted later, when something else is known.
    private var hasPutOff = false
    private var isGoingOn = false
    /// The last one has left. What follows from it does when all that happens at once is known.
    private var isLeft = false
    /// What has come while it is not known whether there is to be a room; nil: nothing is held up.
    private var held: [() -> Void]?
    /// Whether the end of the server waits for the output.
    private var isBusy = false

    init(_ address: JID, _ stored: RoomStore.Stored, of service: RoomService, on loop: LoopContext) {
        self.address = address
        self.service = service
        self.loop = loop
        exists = stored.record != nil
        record = stored.record ?? RoomRecord(created: service.host.now(), secret: SecureRandom.bytes(32))
        members = stored.members
        activity = RoomActivity(at: service.host.uptime())
        for (jid, member) in members {
            if let key = member.nickname.flatMap(RoomNickname.key) { reservations[key] = jid }
        }
        for (jid, stored) in stored.occupants { restore(stored, at: jid) }
    }

    var host: Host { service.host }
    var configuration: RoomConfiguration { record.configuration }

    private func restore(_ stored: StoredOccupant, at session: JID) {
        guard let place = address.with(resource: stored.nickname), let key = RoomNickname.key(stored.nickname),
            occupants[key]?.isSame(as: session) != false
        else { return }
        var occupant = occupants[key] ?? newOccupant(session, at: place, role: stored.role)
        occupant.sessions.append(Occupant.Session(jid: session, presence: stored.presence))
        put(occupant, key)
    }

    func newOccupant(_ session: JID, at place: JID, role: RoomRole) -> Occupant {
        Occupant(session, at: place, role: role, hats(of: session.bare), record.secret)
    }

    // MARK: Who is there

    /// Whether it can be let go: nobody is there, and nothing is under way.
    var isAtRest: Bool { (occupants.isEmpty || isStale) && output.isEmpty && news.isEmpty && commits == 0 }

    /// The occupant with that session.
    func occupant(_ session: JID) -> Occupant? { nicknames[session].flatMap { occupants[$0] } }

    /// The occupant at an address in the room.
    func occupant(at place: JID) -> Occupant? {
        place.resource.flatMap(RoomNickname.key).flatMap { occupants[$0] }
    }

    /// Puts an occupant under a nickname, with the sessions that it has now.
    func put(_ occupant: Occupant, _ key: String) {
        for session in occupants[key]?.sessions ?? [] { nicknames[session.jid] = nil }
        occupants[key] = occupant
        for session in occupant.sessions { nicknames[session.jid] = key }
        addressesDidChange()
    }

    func remove(_ key: String) {
        for session in occupants.removeValue(forKey: key)?.sessions ?? [] { nicknames[session.jid] = nil }
        addressesDidChange()
    }

    private func addressesDidChange() {
        knownAddresses = nil
        knownAbsent = nil
        occupantCount.store(occupants.count, ordering: .relaxed)
    }

    /// All sessions.
    var addresses: [JID] {
        if let knownAddresses { return knownAddresses }
        let addresses = Array(nicknames.keys)
        knownAddresses = addresses
        return addresses
    }

    /// Those who belong to the room and are not there.
    var absent: [JID] {
        if let knownAbsent { return knownAbsent }
        let present = Set(occupants.values.map(\.jid))
        let absent = members.filter { $0.value.affiliation >= .member && !present.contains($0.key) }.map(\.key)
        knownAbsent = absent
        return absent
    }

    /// Whether everybody may find the room and enter it.
    var isForEverybody: Bool {
        configuration.isPublic && !configuration.isForMembers && !configuration.asksForPassword
    }

    func affiliation(of person: JID) -> RoomAffiliation { members[person.bare]?.affiliation ?? .none }

    /// What somebody is to the room, whether or not they are there.
    func standing(of person: JID) -> RoomStanding {
        RoomStanding(affiliation: affiliation(of: person), role: occupant(person)?.role ?? .none)
    }

    // MARK: Going on

    /// Does something on the loop, later.
    func later(_ body: @escaping @Sendable () -> Void) {
        loop.eventLoop.execute {
            body()
            self.didSomething()
        }
    }

    /// Sends what is ready, and is let go if that was all.
    private func didSomething() {
        goOn()
        service.directory.letGo(self)
    }

    /// Stores changes; `then` is called on the loop. If that fails the room is read anew, as soon as nothing is under way.
    func commit(_ changes: [StorageChange], then: @escaping @Sendable (StanzaError?) -> Void = { _ in }) {
        let changes = changes + endIfLeft()
        guard !changes.isEmpty else { return then(nil) }
        commits += 1
        host.router.workBegan()
        host.storage.submit(changes) { [self, host] result in
            var error: StanzaError?
            if case .failure(let failure) = result { error = host.report(failure) }
            later { [self, error] in
                commits -= 1
                if error != nil { isStale = true }
                then(error)
                host.router.workEnded()
            }
        }
    }

    /// Whether it ends with the last one who leaves.
    private var isTemporary: Bool { !configuration.isPersistent || record.isLocked }

    /// The last one has left.
    func wasLeft() { isLeft = true }

    /// Ends the room that nobody is in any more, if it does not stay. Once for all that happens at once: somebody who became
    /// something to the room meanwhile would be it to the next room of that name.
    private func endIfLeft() -> [StorageChange] {
        guard exchange(&isLeft, with: false), exists, occupants.isEmpty, isTemporary else { return [] }
        return vanish()
    }

    /// Does something that was posted to the room, after what was posted before.
    func perform(_ operation: @escaping () -> Void) {
        if held == nil { operation() } else { held?.append(operation) }
    }

    /// Waits for something; what is posted meanwhile happens after `then`.
    func hold<Value: Sendable>(
        for operation: @escaping @Sendable () async -> Value, then: @escaping @Sendable (Value) -> Void
    ) {
        held = []
        wait(for: operation) { [self] value in
            let waiting = exchange(&held, with: nil) ?? []
            then(value)
            for operation in waiting { perform(operation) }
        }
    }

    /// Does something. Returns whether its changes are submitted.
    func submits(_ body: () -> Void) -> Bool {
        hasPutOff = false
        body()
        return !hasPutOff
    }

    /// Waits for something that the room needs, then goes on on the loop.
    func wait<Value: Sendable>(
        for operation: @escaping @Sendable () async -> Value, then: @escaping @Sendable (Value) -> Void
    ) {
        hasPutOff = true
        commits += 1
        host.router.begin { [self] in
            let value = await operation()
            host.router.workBegan()
            later { [self] in
                commits -= 1
                then(value)
                host.router.workEnded()
            }
        }
    }

    /// Sends what is ready.
    func goOn() {
        let isMore = output.sendSome { [self] stanza, from, addresses in
            host.router.route(stanza, from: from, toAll: addresses, host: host, origin: self)
        }
        if output.isEmpty == isBusy {
            isBusy.toggle()
            if isBusy { host.router.workBegan() } else { host.router.workEnded() }
        }
        guard isMore, !isGoingOn else { return }
        isGoingOn = true
        later { self.isGoingOn = false }
    }

    // MARK: Sending

    /// Sends a stanza to sessions, which may be at home anywhere.
    ///
    /// - Parameters:
    ///   - from: the room, or an occupant's address.
    ///   - isReady: false: it waits, and what comes after it.
    @discardableResult
    func send(_ bytes: ByteBuffer, from: JID, to addresses: [JID], isReady: Bool = true) -> RoomOutput.Entry? {
        guard !addresses.isEmpty, let stanza = host.stanza(fromOwn: bytes, "a room's stanza") else { return nil }
        let entry = RoomOutput.Entry(
            .stanza(stanza, from: from, to: addresses[...]), size: bytes.readableBytes, isReady: isReady)
        output.append(entry)
        return entry
    }

    /// Shows an occupant's presence to all who may see it, and to the occupant's own sessions.
    ///
    /// - Parameters:
    ///   - own: the sessions that are told that it is theirs; nil: all of the occupant's.
    ///   - codes: what is told to them alone.
    ///   - isShown: whether others may see it.
    func show(_ presence: RoomPresence, own: [JID]? = nil, codes: [Int] = [], isShown: Bool? = nil) {
        let occupant = presence.occupant
        let own = own ?? occupant.sessions.map(\.jid)
        send(presence, for: .own, to: own, codes)
        guard isShown ?? configuration.broadcastRoles.contains(occupant.role) else { return }
        var (moderators, others): ([JID], [JID]) = ([], [])
        for other in occupants.values where other.address != occupant.address {
            let addresses = other.sessions.map(\.jid)
            if other.role == .moderator || configuration.isOpenAboutAddresses {
                moderators += addresses
            } else {
                others += addresses
            }
        }
        send(presence, for: .moderator, to: moderators)
        send(presence, for: .other, to: others)
    }

    private func send(
        _ presence: RoomPresence, for viewer: RoomPresence.Viewer, to addresses: [JID], _ codes: [Int] = []
    ) {
        guard !addresses.isEmpty else { return }
        var writer = XMLWriter()
        presence.write(for: viewer, to: nil, codes: codes, to: &writer)
        send(writer.finish(), from: presence.occupant.address, to: addresses)
    }
}

// MARK: - As an origin

/// Its stanzas to occupants come back to it with the reason if they cannot be delivered.
extension Room: StanzaOrigin {
    var language: String? { nil }
    var rights: SessionRights { .chat }
    var account: AccountRecord? { nil }
    var client: ClientSession? { nil }

    /// An error for a stanza that it has sent, or the answer to a request that it has passed on.
    func send(_ kind: StanzaKind, isAwaited: Bool, _ body: (inout XMLWriter) -> Void) {
        var writer = XMLWriter()
        body(&writer)
        guard let stanza = host.stanza(fromOwn: writer.finish(), "an error for a room"),
            let session = stanza.element["from"].flatMap({ JID($0) })
        else { return }
        let take: @Sendable () -> Void = { [self] in
            // What the host answers for an occupant's account.
            if kind == .iq, answered(stanza, from: session) { return }
            // Whoever is there and did not take it has reasons, such as a block list.
            if !isConnected(session) { bounced(stanza, at: session) }
        }
        if loop.eventLoop.inEventLoop { take() } else { later(take) }
    }

    /// A stanza that is sent to somebody waits: so does what the room sends after it, which would overtake it.
    func pauseReading<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value, within time: TimeAmount,
        then: @escaping @Sendable (Value?) -> Void
    ) {
        output.pause()
        loop.wait(for: operation, within: time) { value in
            then(value)
            self.output.resume()
            self.didSomething()
        }
    }

    /// It asks for nothing.
    func requestStarted(_ request: PendingRequest) {}
    func requestEnded(_ request: PendingRequest) {}
}
