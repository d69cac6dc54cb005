import XMPPServer

/// What somebody is to be to a room.
struct AffiliationChange: Sendable {
    /// A bare JID.
    let person: JID
    let affiliation: RoomAffiliation
    /// The nickname to be reserved; empty: none. nil: as it is.
    var nickname: String?
    var reason: String?
}

/// Roles and affiliations, XEP-0045 §8.2 to 8.5, §9 and §10.3 to 10.8.
extension Room {
    private struct RoleChange {
        let key: String
        let role: RoomRole
        let reason: String?
    }

    private static let maximumReasonBytes = 1024
    /// Of one request.
    static let maximumItems = 1000

    // MARK: Changes

    /// Changes roles and affiliations, all that is asked for or nothing.
    func administer(_ query: Element, by session: JID, _ answer: @escaping @Sendable (Reply) -> Void) {
        do throws(StanzaError) {
            guard exists else { throw .itemNotFound }
            let standing = standing(of: session)
            var roles: [RoleChange] = []
            var people: [AffiliationChange] = []
            for item in query.children where item.isNamed("item", .roomAdmin) {
                guard roles.count + people.count < Self.maximumItems else { throw .notAcceptable }
                let reason = item.child("reason", .roomAdmin)?.text
                guard reason?.utf8.count ?? 0 <= Self.maximumReasonBytes else { throw .notAcceptable }
                if let affiliation = item["affiliation"] {
                    people.append(try change(item, affiliation, reason))
                } else {
                    roles.append(try change(item, reason, standing))
                }
            }
            guard !roles.isEmpty || !people.isEmpty else { throw .badRequest }
            if let error = refusal(of: people, by: standing, session.bare) { throw error }
            let actor = occupant(session)?.nickname
            var changes = apply(people, by: session)
            for change in roles { changes += apply(change, actor) }
            commit(changes) { answer($0.map { .error($0) } ?? .ok) }
        } catch {
            answer(.error(error))
        }
    }

    private func change(
        _ item: Element, _ text: String, _ reason: String?
    ) throws(StanzaError) -> AffiliationChange {
        guard let affiliation = RoomAffiliation(rawValue: text) else { throw .badRequest }
        let person: JID
        if let address = item["jid"] {
            guard let jid = JID(address) else { throw .jidMalformed }
            person = jid.bare
        } else if let key = item["nick"].flatMap(RoomNickname.key) {
            guard let occupant = occupants[key] else { throw .itemNotFound }
            return AffiliationChange(person: occupant.jid, affiliation: affiliation, reason: reason)
        } else {
            throw .badRequest
        }
        return AffiliationChange(person: person, affiliation: affiliation, nickname: item["nick"], reason: reason)
    }

    private func change(
        _ item: Element, _ reason: String?, _ standing: RoomStanding
    ) throws(StanzaError) -> RoleChange {
        guard let role = item["role"].flatMap(RoomRole.init), let nickname = item["nick"] else { throw .badRequest }
        guard standing.role == .moderator || standing.affiliation >= .admin else { throw .forbidden }
        guard let key = RoomNickname.key(nickname), let occupant = occupants[key] else { throw .itemNotFound }
        let target = RoomStanding(affiliation: affiliation(of: occupant.jid), role: occupant.role)
        if let error = standing.refusal(of: role, for: target) { throw error }
        return RoleChange(key: key, role: role, reason: reason)
    }

    /// Why changes may not be made; nil: they may.
    func refusal(of changes: [AffiliationChange], by standing: RoomStanding, _ actor: JID) -> StanzaError? {
        guard !changes.isEmpty else { return nil }
        var owners = Set(members.filter { $0.value.affiliation == .owner }.map(\.key))
        var count = members.count
        for change in changes {
            let isOwn = change.person.isSameBare(as: actor)
            let former = affiliation(of: change.person)
            if let error = standing.refusal(of: change.affiliation, for: former, isOwn: isOwn) { return error }
            if change.affiliation == .owner { owners.insert(change.person) } else { owners.remove(change.person) }
            if members[change.person] == nil, change.affiliation != .none { count += 1 }
            if let nickname = change.nickname, !nickname.isEmpty {
                guard let key = RoomNickname.key(nickname) else { return .notAcceptable }
                if let owner = reservations[key], owner != change.person { return .conflict }
            }
        }
        // §10.5: there is always one.
        if owners.isEmpty { return .conflict }
        return count > service.settings.affiliations ? .resourceConstraint : nil
    }

    /// Makes changes that may be made, and tells all of them.
    func apply(_ changes: [AffiliationChange], by actor: JID) -> [StorageChange] {
        let name = occupant(actor)?.nickname
        let present = Dictionary(grouping: occupants.keys) { occupants[$0]?.jid }
        return changes.flatMap { apply($0, to: present[$0.person] ?? [], actor: name) }
    }

    /// - Parameter keys: those of the person's nicknames.
    private func apply(_ change: AffiliationChange, to keys: [String], actor: String?) -> [StorageChange] {
        let former = members[change.person] ?? RoomMember(affiliation: .none)
        var member = RoomMember(
            affiliation: change.affiliation, nickname: former.nickname, reason: change.reason, hats: former.hats,
            left: former.left)
        if let nickname = change.nickname { member.nickname = nickname.isEmpty ? nil : nickname }
        // §9.1: their nickname is theirs no more.
        if member.affiliation == .outcast || member.affiliation == .none && former.affiliation != .none {
            member.nickname = nil
        }
        set(member, of: change.person)
        let changes = service.store.putting(member, of: change.person, address)
        guard member.affiliation != former.affiliation else { return changes }
        let cause = RoomPresence.Cause(actor: actor, reason: change.reason)
        return changes
            + keys.flatMap { key in
                occupants[key].map { take(member.affiliation, former.affiliation, of: $0, key, cause) } ?? []
            }
    }

    /// Puts into memory what somebody is to the room.
    func set(_ member: RoomMember, of person: JID) {
        if let key = members[person]?.nickname.flatMap(RoomNickname.key) { reservations[key] = nil }
        members[person] = member.isNothing ? nil : member
        if let key = member.nickname.flatMap(RoomNickname.key) { reservations[key] = person }
    }

    /// Somebody in the room has another affiliation: some have to go, §9.1 and 9.4, the others have another role.
    private func take(
        _ affiliation: RoomAffiliation, _ former: RoomAffiliation, of occupant: Occupant, _ key: String,
        _ cause: RoomPresence.Cause
    ) -> [StorageChange] {
        var cause = cause
        if affiliation == .outcast || configuration.isForMembers && affiliation < .member {
            cause.codes = [affiliation == .outcast ? 301 : 321]
            return putOut(occupant, cause)
        }
        let standing = RoomStanding(affiliation: former, role: occupant.role)
            .with(affiliation, isModerated: configuration.isModerated)
        return setRole(standing.role, of: occupant, key, cause)
    }

    private func apply(_ change: RoleChange, _ actor: String?) -> [StorageChange] {
        guard let occupant = occupants[change.key] else { return [] }
        var cause = RoomPresence.Cause(actor: actor, reason: change.reason)
        guard change.role == .none else { return setRole(change.role, of: occupant, change.key, cause) }
        cause.codes = [307]
        return putOut(occupant, cause)
    }

    /// Takes all sessions of an occupant out of the room.
    func putOut(_ occupant: Occupant, _ cause: RoomPresence.Cause) -> [StorageChange] {
        occupant.sessions.flatMap { removeSession($0.jid, cause) }
    }

    /// Gives an occupant a role, and shows what they are now to all.
    func setRole(
        _ role: RoomRole, of occupant: Occupant, _ key: String, _ cause: RoomPresence.Cause = RoomPresence.Cause()
    ) -> [StorageChange] {
        let affiliation = affiliation(of: occupant.jid)
        let wasShown = configuration.broadcastRoles.contains(occupant.role)
        var changed = occupant
        changed.role = role
        put(changed, key)
        var presence = RoomPresence(occupant: changed, affiliation: affiliation)
        presence.cause = cause
        if wasShown, !configuration.broadcastRoles.contains(role) {
            var gone = presence
            gone.isUnavailable = true
            show(gone, own: [], isShown: true)
        }
        show(presence)
        return changed.sessions.map { service.store.putting(changed.stored($0), at: $0.jid, address) }
    }

    // MARK: Lists

    /// Answers with those who have an affiliation or a role, §9.2, 9.5, 9.8, 10.5, 10.8 and 8.5.
    func list(_ query: Element, for session: JID) -> Reply {
        guard exists else { return .error(.itemNotFound) }
        guard let item = query.child("item", .roomAdmin) else { return .error(.badRequest) }
        let standing = standing(of: session)
        if let text = item["affiliation"] {
            guard let affiliation = RoomAffiliation(rawValue: text), affiliation != .none else {
                return .error(.badRequest)
            }
            guard reads(affiliation, standing) else { return .error(.forbidden) }
            let people = members.filter { $0.value.affiliation == affiliation }
                .sorted { $0.key.string < $1.key.string }
            return .result { writer in
                writer.element("query", .roomAdmin) { writer in
                    for (jid, member) in people {
                        writer.element(
                            "item", nil,
                            ["affiliation": affiliation.rawValue, "jid": jid.string, "nick": member.nickname]
                        ) { writer in
                            if let reason = member.reason { writer.element("reason", text: reason) }
                        }
                    }
                }
            }
        }
        guard let role = item["role"].flatMap(RoomRole.init), role != .none else { return .error(.badRequest) }
        guard standing.affiliation >= .admin || standing.role == .moderator else { return .error(.forbidden) }
        let shown = occupants.values.filter { $0.role == role }.sorted { $0.nickname < $1.nickname }.map {
            ($0, affiliation(of: $0.jid))
        }
        return .result { writer in
            writer.element("query", .roomAdmin) { writer in
                for (occupant, affiliation) in shown {
                    writer.element(
                        "item", nil,
                        [
                            "affiliation": affiliation.rawValue, "role": role.rawValue, "nick": occupant.nickname,
                            "jid": occupant.sessions.last?.jid.string,
                        ])
                }
            }
        }
    }

    /// Whether somebody may read the list of those with that affiliation: it has their real addresses.
    private func reads(_ affiliation: RoomAffiliation, _ standing: RoomStanding) -> Bool {
        if standing.affiliation >= .admin { return true }
        guard affiliation >= .member, configuration.isOpenAboutAddresses else { return false }
        return standing.affiliation == .member || configuration.memberListRoles.contains(standing.role)
    }
}
