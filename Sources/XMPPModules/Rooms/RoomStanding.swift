import XMPPServer

/// XEP-0045 §5.1: what an occupant may do in a room now.
enum RoomRole: String, Sendable, CaseIterable, Comparable {
    case none, visitor, participant, moderator

    private var rank: Int {
        switch self {
        case .none: 0
        case .visitor: 1
        case .participant: 2
        case .moderator: 3
        }
    }

    static func < (one: RoomRole, other: RoomRole) -> Bool { one.rank < other.rank }
}

/// XEP-0045 §5.2: what somebody is to a room for long, whether or not they are there.
enum RoomAffiliation: String, Sendable, CaseIterable, Comparable {
    case outcast, none, member, admin, owner

    private var rank: Int {
        switch self {
        case .outcast: 0
        case .none: 1
        case .member: 2
        case .admin: 3
        case .owner: 4
        }
    }

    static func < (one: RoomAffiliation, other: RoomAffiliation) -> Bool { one.rank < other.rank }
}

/// What somebody is to a room. The rules of XEP-0045 §5 about who may change what.
struct RoomStanding: Sendable, Equatable {
    var affiliation: RoomAffiliation
    var role: RoomRole

    /// The role of somebody who enters, §5.1.2. Outcasts do not enter.
    static func role(of affiliation: RoomAffiliation, isModerated: Bool) -> RoomRole {
        switch affiliation {
        case .owner, .admin: .moderator
        case .member: .participant
        case .none: isModerated ? .visitor : .participant
        case .outcast: .none
        }
    }

    /// The standing with another affiliation. A higher one raises the role to its own; a lower one sets it.
    func with(_ affiliation: RoomAffiliation, isModerated: Bool) -> RoomStanding {
        let given = Self.role(of: affiliation, isModerated: isModerated)
        let isLess = affiliation < self.affiliation
        return RoomStanding(affiliation: affiliation, role: isLess ? given : max(given, role))
    }

    /// Why somebody of this standing may not give an occupant a role, §8 and §9.6 to 9.8; nil: they may.
    func refusal(of role: RoomRole, for target: RoomStanding) -> StanzaError? {
        guard self.role == .moderator || affiliation >= .admin else { return .forbidden }
        // Moderators are made and unmade by admins.
        if role == .moderator || target.role == .moderator, role != target.role, affiliation < .admin {
            return target.affiliation > affiliation ? .notAllowed : .forbidden
        }
        guard role < target.role else { return nil }
        if target.affiliation > affiliation { return .notAllowed }
        guard role != .none else { return nil }
        // Admins and owners have the role of a moderator. Voice is not taken from one's equals.
        if target.affiliation >= .admin { return .notAllowed }
        return target.affiliation == .member && affiliation == .member ? .notAllowed : nil
    }

    /// Why somebody of this affiliation may not give another one, §9.1 to 9.3 and §10.3 to 10.8; nil: they may.
    ///
    /// - Parameter isOwn: whether they would change their own.
    func refusal(of affiliation: RoomAffiliation, for target: RoomAffiliation, isOwn: Bool) -> StanzaError? {
        guard self.affiliation >= .admin else { return .forbidden }
        if isOwn, affiliation == .outcast { return .conflict }
        if self.affiliation == .owner { return nil }
        if isOwn, affiliation < target { return nil }
        guard max(affiliation, target) >= .admin else { return nil }
        return affiliation == .outcast ? .notAllowed : .forbidden
    }
}
