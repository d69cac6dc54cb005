/// The presence subscriptions between two accounts, seen from one of them: the nine states of RFC 6121, appendix A.1.
/// The raw values are stored and do not change.
public enum SubscriptionState: UInt8, Sendable, CaseIterable {
    case none = 0
    case nonePendingOut = 1
    case nonePendingIn = 2
    case nonePendingOutIn = 3
    case to = 4
    case toPendingIn = 5
    case from = 6
    case fromPendingOut = 7
    case both = 8

    /// How the user's server handles a subscription stanza from the user.
    public struct Outbound: Equatable, Sendable {
        /// The new state.
        public let newState: SubscriptionState
        /// Whether the stanza is routed to the contact.
        public let routes: Bool
    }

    /// How the user's server handles a subscription stanza from the contact.
    public struct Inbound: Equatable, Sendable {
        /// The new state.
        public let newState: SubscriptionState
        /// Whether the stanza is delivered to the user.
        public let delivers: Bool
        /// The server's automatic answer in the user's name.
        public let autoReply: SubscriptionType?
    }

    // MARK: - What the roster shows

    /// The roster item's attribute `subscription`: `none`, `to`, `from` or `both`.
    public var subscription: StaticString {
        switch self {
        case .none, .nonePendingOut, .nonePendingIn, .nonePendingOutIn: "none"
        case .to, .toPendingIn: "to"
        case .from, .fromPendingOut: "from"
        case .both: "both"
        }
    }

    /// Whether the user's request is pending: the roster item's `ask="subscribe"`.
    public var asks: Bool {
        self == .nonePendingOut || self == .nonePendingOutIn || self == .fromPendingOut
    }

    /// Whether the contact's request is pending.
    public var hasPendingIn: Bool {
        self == .nonePendingIn || self == .nonePendingOutIn || self == .toPendingIn
    }

    /// Whether the user is subscribed to the contact's presence.
    public var hasTo: Bool { self == .to || self == .toPendingIn || self == .both }

    /// Whether the contact is subscribed to the user's presence.
    public var hasFrom: Bool { self == .from || self == .fromPendingOut || self == .both }

    // MARK: - Transitions

    /// RFC 6121, appendix A.2. An approval without a request is not routed; it may be stored as a pre-approval (section
    /// 3.4), independent of these states.
    public func outbound(_ type: SubscriptionType) -> Outbound {
        switch type {
        case .subscribe:
            Outbound(newState: hasTo ? self : replacing(out: .pending), routes: true)
        case .unsubscribe:
            Outbound(newState: replacing(out: .absent), routes: true)
        case .subscribed:
            Outbound(newState: hasPendingIn ? replacing(in: .granted) : self, routes: hasPendingIn)
        case .unsubscribed:
            Outbound(newState: replacing(in: .absent), routes: hasPendingIn || hasFrom)
        }
    }

    /// RFC 6121, appendix A.3.
    public func inbound(_ type: SubscriptionType) -> Inbound {
        switch type {
        case .subscribe:
            if hasFrom {
                Inbound(newState: self, delivers: false, autoReply: .subscribed)
            } else {
                Inbound(newState: replacing(in: .pending), delivers: !hasPendingIn, autoReply: nil)
            }
        case .unsubscribe:
            Inbound(newState: replacing(in: .absent), delivers: hasPendingIn || hasFrom, autoReply: nil)
        case .subscribed:
            Inbound(newState: asks ? replacing(out: .granted) : self, delivers: asks, autoReply: nil)
        case .unsubscribed:
            Inbound(newState: replacing(out: .absent), delivers: asks || hasTo, autoReply: nil)
        }
    }

    /// One direction of a subscription.
    private enum Direction {
        case absent, pending, granted
    }

    private var out: Direction { hasTo ? .granted : asks ? .pending : .absent }
    private var into: Direction { hasFrom ? .granted : hasPendingIn ? .pending : .absent }

    private func replacing(out: Direction) -> SubscriptionState { Self.state(out, into) }
    private func replacing(in into: Direction) -> SubscriptionState { Self.state(out, into) }

    private static func state(_ out: Direction, _ into: Direction) -> SubscriptionState {
        switch (out, into) {
        case (.absent, .absent): .none
        case (.pending, .absent): .nonePendingOut
        case (.absent, .pending): .nonePendingIn
        case (.pending, .pending): .nonePendingOutIn
        case (.granted, .absent): .to
        case (.granted, .pending): .toPendingIn
        case (.absent, .granted): .from
        case (.pending, .granted): .fromPendingOut
        case (.granted, .granted): .both
        }
    }
}

/// The types of subscription stanzas (RFC 6121, section 3).
public enum SubscriptionType: UInt8, Sendable, CaseIterable {
    case subscribe, subscribed, unsubscribe, unsubscribed
}
