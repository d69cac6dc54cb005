import XMPPServer

/// What somebody is to a node, and what follows from it: the rules of XEP-0060 §4.1 and §4.5.
struct NodeAccess: Sendable {
    /// What it takes to be told of presence, and more.
    struct Relation: Sendable {
        /// Whether an owner lets them see its presence.
        var seesPresence = false
        /// In which groups of an owner's contact list they are.
        var groups: [String] = []

        static let none = Relation()
    }

    let configuration: NodeConfiguration
    let affiliation: Affiliation
    let relation: Relation
    /// Whether they have a subscription that is not pending.
    let isSubscribed: Bool

    static func detail(_ name: StaticString) -> StanzaError.Detail { .init(name, .pubSubErrors) }

    static let presenceRequired = StanzaError(.notAuthorized, detail: detail("presence-subscription-required"))
    static let notInGroup = StanzaError(.notAuthorized, detail: detail("not-in-roster-group"))
    static let closedNode = StanzaError(.notAllowed, detail: detail("closed-node"))
    static let notSubscribed = StanzaError(.notAuthorized, detail: detail("not-subscribed"))

    /// Why they may not read the items; nil: they may. §6.5.9
    var readError: StanzaError? {
        if let error = audienceError { return error }
        let isListed = [.owner, .publisher, .member].contains(affiliation)
        return configuration.accessModel == .authorize && !isListed && !isSubscribed ? Self.notSubscribed : nil
    }

    /// Why they may not subscribe; nil: they may, or may ask. §6.1.3
    var subscribeError: StanzaError? { audienceError }

    /// Whether a subscription waits for an owner's approval.
    var needsApproval: Bool {
        configuration.accessModel == .authorize && ![.owner, .publisher, .member].contains(affiliation)
    }

    /// Why they are none of those whom the node is for.
    private var audienceError: StanzaError? {
        switch affiliation {
        case .owner, .publisher, .member: return nil
        case .outcast, .publishOnly: return .forbidden
        case .none: break
        }
        switch configuration.accessModel {
        case .open, .authorize: return nil
        case .whitelist: return Self.closedNode
        case .presence: return relation.seesPresence ? nil : Self.presenceRequired
        case .roster:
            guard relation.seesPresence else { return Self.presenceRequired }
            return relation.groups.contains(where: configuration.rosterGroups.contains) ? nil : Self.notInGroup
        }
    }

    /// Why they may not publish; nil: they may. §7.1.3
    var publishError: StanzaError? {
        switch affiliation {
        case .owner, .publisher, .publishOnly: return nil
        case .outcast: return .forbidden
        case .none, .member: break
        }
        switch configuration.publishModel {
        case .open: return nil
        case .subscribers: return isSubscribed ? nil : .forbidden
        case .publishers: return .forbidden
        }
    }

    /// Whether they may replace and retract what others have published.
    var mayChangeAll: Bool { affiliation == .owner }
}
