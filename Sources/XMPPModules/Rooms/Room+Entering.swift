import NIOCore
import XMPPServer

/// Entering a room, being there and leaving it, XEP-0045 §7.2, 7.7 and 7.14.
extension Room {
    /// Called once, with the error that the sender gets; nil: none.
    typealias Done = @Sendable (StanzaError?) -> Void

    /// What the presence of somebody in a room may take. Whoever enters gets that of all others at once: with 1,000 of them it
    /// fits what may wait for a session.
    private static let maximumPresenceBytes = 3 << 10
    /// Admins and owners find room in a room that is full, §7.2.10: so many sessions.
    private static let reserve = 20

    /// Somebody has sent presence.
    ///
    /// - Parameters:
    ///   - place: the address that it was sent to.
    ///   - entry: says that they want to enter.
    func received(
        _ event: StanzaContext, at place: JID, _ entry: Element?, _ changes: [StorageChange], _ done: @escaping Done
    ) {
        do throws(StanzaError) {
            guard !output.isFull else { throw .resourceConstraint }
            let presence = try Self.content(of: event.stanza)
            if let occupant = occupant(event.from), entry == nil || occupant.address != place {
                let isSame = occupant.address == place
                let made =
                    try isSame
                    ? change(presence, of: occupant, event.from)
                    : rename(occupant, to: place, presence, event.from)
                return commit(changes + made, then: done)
            }
            // §7.2.18: most likely a client that has missed that it is not there any more.
            guard let entry else {
                tellAbsence(event, at: place)
                return commit(changes, then: done)
            }
            guard !exists else { return enter(event, at: place, entry, presence, changes, done) }
            guard service.mayMakeRooms(event.from) else { throw .notAllowed }
            let (makers, maker) = (service.makers, event.from.bare)
            hold(for: { await makers.begin(maker) }) { [self] refusal in
                let done: Done = { error in
                    makers.end(maker)
                    done(error)
                }
                if let refusal { return done(refusal) }
                enter(event, at: place, entry, presence, changes, done)
            }
        } catch {
            done(error)
        }
    }

    private func enter(
        _ event: StanzaContext, at place: JID, _ entry: Element, _ presence: ByteBuffer, _ changes: [StorageChange],
        _ done: @escaping Done
    ) {
        do throws(StanzaError) {
            let made = try enter(event, at: place, entry, presence)
            commit(changes + made) { [self] error in
                // Nobody is in a room who would not be there after a restart.
                if error != nil { _ = removeSession(event.from, RoomPresence.Cause(codes: [333])) }
                done(error)
            }
        } catch {
            done(error)
        }
    }

    /// What is inside of a presence that a room passes on.
    ///
    /// - Throws: `policy-violation` if it is too much.
    private static func content(of presence: Stanza) throws(StanzaError) -> ByteBuffer {
        var writer = XMLWriter()
        for child in presence.element.children {
            // What only the room may say.
            if child.isIn(.rooms) || child.isIn(.roomUser) || child.isIn(.occupantID) || child.isIn(RoomHat.namespace) {
                continue
            }
            writer.copy(child)
        }
        let content = writer.finish()
        guard content.readableBytes <= maximumPresenceBytes else { throw .policyViolation }
        // Of its own size: it is kept.
        return ByteBuffer(bytes: content.readableBytesView)
    }

    // MARK: Entering

    private func enter(
        _ event: StanzaContext, at place: JID, _ entry: Element, _ presence: ByteBuffer
    ) throws(StanzaError) -> [StorageChange] {
        let session = event.from
        guard let key = place.resource.flatMap(RoomNickname.key) else { throw .notAcceptable }
        var changes: [StorageChange] = []
        let isNew = !exists
        // Nobody else may enter before it is configured, §10.1.
        if isNew { changes += make(session.bare) { $0.isLocked = true } }
        try admit(session, entry)
        if let owner = reservations[key], !owner.isSameBare(as: session) { throw .conflict }
        if let present = occupants[key] {
            // Several sessions of a person may have one nickname, as it is written first.
            guard present.isSame(as: session), present.address == place else { throw .conflict }
        }
        let role = RoomStanding.role(of: affiliation(of: session), isModerated: configuration.isModerated)
        var occupant = occupants[key] ?? newOccupant(session, at: place, role: role)
        let others = occupants.values.filter { $0.address != place }
        occupant.sessions.removeAll { $0.jid == session }
        occupant.sessions.append(Occupant.Session(jid: session, presence: presence))
        put(occupant, key)
        news.entered(session.bare)
        service.notices.entered(address, session.bare)
        if var member = members[session.bare], member.left != nil {
            member.left = nil
            members[session.bare] = member
            changes += service.store.putting(member, of: session.bare, address)
        }
        let shown = RoomPresence(occupant: occupant, affiliation: affiliation(of: session), session: session)
        show(shown, own: occupant.sessions.map(\.jid).filter { $0 != session })
        var codes: [Int] = []
        if configuration.isOpenAboutAddresses { codes.append(100) }
        if configuration.keepsHistory { codes.append(170) }
        if isNew { codes.append(201) }
        welcome(shown, session, others, codes, HistoryRequest(entry), event.origin?.lasting)
        let stored = StoredOccupant(nickname: occupant.nickname, role: occupant.role, presence: presence)
        return changes + [service.store.putting(stored, at: session, address)]
    }

    /// Makes the room for an owner.
    ///
    /// - Parameter configure: changes what it is at first.
    func make(_ maker: JID, _ configure: (inout RoomRecord) -> Void) -> [StorageChange] {
        record = RoomRecord(created: host.now(), secret: SecureRandom.bytes(32))
        record.configuration = service.settings.template
        configure(&record)
        exists = true
        let owner = RoomMember(affiliation: .owner)
        members = [maker: owner]
        reservations = [:]
        var changes = [service.store.putting(record, address)] + service.store.putting(owner, of: maker, address)
        changes.append(service.retention.setting(configuration.keepDays, for: address))
        return changes
    }

    /// Whether somebody may enter, §7.2.5 to 7.2.11.
    private func admit(_ session: JID, _ entry: Element) throws(StanzaError) {
        let affiliation = affiliation(of: session)
        if affiliation == .outcast { throw .forbidden }
        if record.isLocked, affiliation != .owner { throw .itemNotFound }
        if configuration.isForMembers, affiliation < .member { throw .registrationRequired }
        if configuration.asksForPassword, affiliation != .owner,
            entry.child("password", .rooms)?.text != configuration.password
        {
            throw .notAuthorized
        }
        let maximum = configuration.maximumOccupants ?? service.settings.occupants
        guard nicknames[session] != nil || nicknames.count < maximum + (affiliation >= .admin ? Self.reserve : 0) else {
            throw StanzaError(.serviceUnavailable, type: .wait)
        }
    }

    /// Sends whoever has entered what they have to know, in order: who is there, that they are, what was said, the subject.
    private func welcome(
        _ presence: RoomPresence, _ session: JID, _ others: [Occupant], _ codes: [Int], _ asked: HistoryRequest,
        _ origin: (any StanzaOrigin)?
    ) {
        let viewer: RoomPresence.Viewer =
            presence.occupant.role == .moderator || configuration.isOpenAboutAddresses ? .moderator : .other
        var rest = others.filter { configuration.broadcastRoles.contains($0.role) }.map {
            RoomPresence(occupant: $0, affiliation: affiliation(of: $0.jid))
        }[...]
        output.append(
            RoomOutput.Entry(
                .steps { [self] count in
                    for other in rest.prefix(count) {
                        tell(session, .presence, origin) { other.write(for: viewer, to: session, to: &$0) }
                    }
                    rest = rest.dropFirst(count)
                    guard rest.isEmpty else { return true }
                    tell(session, .presence, origin) {
                        presence.write(for: .own, to: session, codes: codes, to: &$0)
                    }
                    return false
                }))
        sendHistory(asked, to: session, origin)
        let subject = record.subject
        output.append(
            RoomOutput.Entry(
                .steps { [self] _ in
                    tell(session, .message, origin) { write(subject, to: session, to: &$0) }
                    return false
                }))
    }

    /// Sends something to one session: what it has asked for, however much that is.
    ///
    /// - Parameter origin: the session as it has asked; nil: it is found by its address.
    func tell(
        _ session: JID, _ kind: StanzaKind, _ origin: (any StanzaOrigin)?, _ write: (inout XMLWriter) -> Void
    ) {
        if let origin { return origin.send(kind, isAwaited: true, write) }
        var writer = XMLWriter()
        write(&writer)
        guard let stanza = host.stanza(fromOwn: writer.finish(), "a room's stanza") else { return }
        host.router.route(
            stanza, from: stanza.element["from"].flatMap { JID($0) } ?? address, to: session, host: host, origin: self)
    }

    private func tellAbsence(_ event: StanzaContext, at place: JID) {
        guard exists else { return }
        let occupant = newOccupant(event.from, at: place, role: .none)
        var presence = RoomPresence(occupant: occupant, affiliation: .none, session: event.from)
        presence.isUnavailable = true
        presence.cause = RoomPresence.Cause(reason: "You are not in the room.", codes: [307, 333])
        show(presence, own: [event.from], isShown: false)
    }

    // MARK: Being there

    /// Takes over an occupant's presence, §7.7.
    private func change(
        _ presence: ByteBuffer, of occupant: Occupant, _ session: JID
    ) throws(StanzaError) -> [StorageChange] {
        var occupant = occupant
        occupant.sessions.removeAll { $0.jid == session }
        let changed = Occupant.Session(jid: session, presence: presence)
        occupant.sessions.append(changed)
        put(occupant, nicknames[session] ?? "")
        show(RoomPresence(occupant: occupant, affiliation: affiliation(of: session)))
        return [service.store.putting(occupant.stored(changed), at: session, address)]
    }

    // MARK: Leaving

    /// A session leaves, §7.14.
    func leaves(_ event: StanzaContext, _ changes: [StorageChange], _ done: @escaping Done) {
        var farewell: ByteBuffer?
        // What does not fit is not passed on: nobody is kept in a room by it.
        do throws(StanzaError) { farewell = try Self.content(of: event.stanza) } catch {}
        commit(changes + removeSession(event.from, farewell: farewell), then: done)
    }

    /// Takes a session out of the room; with the last one of its nickname, all others see that it is gone.
    func removeSession(
        _ session: JID, _ cause: RoomPresence.Cause = RoomPresence.Cause(), farewell: ByteBuffer? = nil
    ) -> [StorageChange] {
        guard let key = nicknames[session], var occupant = occupants[key] else { return [] }
        let wasShown = configuration.broadcastRoles.contains(occupant.role)
        var presence = RoomPresence(occupant: occupant, affiliation: affiliation(of: session), session: session)
        presence.isUnavailable = true
        presence.cause = cause
        presence.farewell = farewell
        endRequests(of: session)
        occupant.sessions.removeAll { $0.jid == session }
        if occupant.sessions.isEmpty { remove(key) } else { put(occupant, key) }
        show(presence, own: [session], isShown: wasShown && occupant.sessions.isEmpty)
        var changes = [service.store.removing(session: session, address)]
        if var member = members[session.bare], !occupants.values.contains(where: { $0.jid.isSameBare(as: session) }) {
            member.left = host.now()
            members[session.bare] = member
            changes += service.store.putting(member, of: session.bare, address)
        }
        if occupants.isEmpty { wasLeft() }
        return changes
    }

    /// Somebody is no more, who was something to the room or in it.
    func forget(_ person: JID) {
        if let key = members.removeValue(forKey: person)?.nickname.flatMap(RoomNickname.key) { reservations[key] = nil }
        let sessions = nicknames.keys.filter { $0.isSameBare(as: person) }
        // A session that ended after the removal had the person written anew.
        commit(sessions.flatMap { removeSession($0) } + service.store.putting(nil, of: person, address))
    }

    /// The room is no more.
    func vanish() -> [StorageChange] {
        let changes =
            service.store.removing(address, members: members.keys) + [service.retention.setting(nil, for: address)]
        exists = false
        members = [:]
        reservations = [:]
        return changes
    }

    // MARK: Those who are gone

    /// The conditions that say that a session is no more. Others may pass: they throw nobody out.
    private static let ends: [StanzaError.Condition] = [
        .gone, .itemNotFound, .recipientUnavailable, .redirect, .remoteServerNotFound, .serviceUnavailable,
    ]

    /// Looks for those who were there when the server ended, §18.1.2: who of them has a session, their home knows.
    func askForOccupants() {
        let sessions = addresses
        guard !sessions.isEmpty else { return }
        wait(for: { [host] in await Self.missing(sessions, at: host) }) { [self] missing in
            let gone = missing.here.filter { !isConnected($0) }
            commit(gone.flatMap { removeSession($0, RoomPresence.Cause(codes: [333])) })
            for session in missing.elsewhere { ask(for: session) }
        }
    }

    /// The sessions that are not here: because they are no more, or their home is another one.
    private static func missing(_ sessions: [JID], at host: Host) async -> (here: [JID], elsewhere: [JID]) {
        var (here, elsewhere): ([JID], [JID]) = ([], [])
        for session in sessions {
            guard session.isSameDomain(as: host.jid) else {
                elsewhere.append(session)
                continue
            }
            do throws(StorageError) {
                let account = try await host.accounts.load(session.bare)
                if account?.session(session.resource ?? "") == nil { here.append(session) }
            } catch {
                // The account is not to be read here; if the storage has failed there is no harm in asking.
                elsewhere.append(session)
            }
        }
        return (here, elsewhere)
    }

    /// Whether a session of an account here is there, or can be resumed.
    func isConnected(_ session: JID) -> Bool {
        host.accounts.cached(session)?.session(session.resource ?? "") != nil
    }

    private func ask(for session: JID) {
        var writer = XMLWriter()
        writer.element(
            "iq", .client,
            ["type": "get", "id": SecureRandom.text(length: 12), "from": address.string, "to": session.string]
        ) { $0.element("ping", Ping.namespace) }
        guard let stanza = host.stanza(fromOwn: writer.finish(), "a room's question") else { return }
        host.router.route(stanza, from: address, to: session, host: host, origin: self)
    }

    /// A stanza that was sent to a session has come back.
    func bounced(_ stanza: Stanza, at session: JID) {
        guard let error = stanza.element.child("error", .client),
            error.children.contains(where: { child in
                child.isIn(.stanzas) && Self.ends.contains { child.hasName($0.name) }
            })
        else { return }
        commit(removeSession(session, RoomPresence.Cause(codes: [333])))
    }
}
