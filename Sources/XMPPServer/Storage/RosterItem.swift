import XMPP

/// One contact in a roster (RFC 6121 §2.1), together with what the server must remember about the subscription.
public struct RosterItem: Sendable, Equatable {
    /// The contact's address; identifies the item in its roster.
    public let jid: JID
    /// The name that the owner gave the contact.
    public var name: String?
    /// The groups that the owner put the contact in, in the owner's order.
    public var groups: [String]
    /// The state of the subscription, one of the nine of RFC 6121 appendix A.
    public var state: SubscriptionState
    /// Whether the owner's client has, or had, a part in the item. One that is not listed holds nothing but an
    /// invitation and is not shown (RFC 6121 §3.1.3).
    public var isListed: Bool
    /// Whether the owner approved a subscription request before it came (RFC 6121 §3.4).
    public var isApproved: Bool
    /// The contact's subscription request that the owner has not answered: the presence stanza as received, `from`
    /// stamped.
    public var invitation: [UInt8]?

    /// A roster item.
    public init(
        jid: JID,
        name: String? = nil,
        groups: [String] = [],
        state: SubscriptionState = .none,
        isListed: Bool = false,
        isApproved: Bool = false,
        invitation: [UInt8]? = nil
    ) {
        self.jid = jid
        self.name = name
        self.groups = groups
        self.state = state
        self.isListed = isListed
        self.isApproved = isApproved
        self.invitation = invitation
    }
}
