import XMPP

/// A roster in memory, RFC 6121 §2.
public struct Roster: Sendable {
    private var itemsByJID: [JID: RosterItem]
    /// Its size, for the bounds.
    private var size = RosterBounds(contacts: 0, bytes: 0)
    /// Identifies this state of the roster; never reused. RFC 6121 §2.6.
    public private(set) var version: String

    init(_ stored: StoredRoster) {
        itemsByJID = Dictionary(stored.items.map { ($0.jid, $0) }, uniquingKeysWith: { first, _ in first })
        version = stored.version ?? "0"
        for item in itemsByJID.values { count(item, 1) }
    }

    private mutating func count(_ item: RosterItem?, _ sign: Int) {
        guard let item, item.isShown else { return }
        size.contacts += sign
        size.bytes += sign * item.writtenByteCount
    }

    /// Whether an item fits in place of a former one; one that is not larger always does.
    func hasRoom(for item: RosterItem?, inPlaceOf former: RosterItem?, within bounds: RosterBounds) -> Bool {
        guard let item, item.isShown else { return true }
        if former?.isShown != true, size.contacts >= bounds.contacts { return false }
        let growth = item.writtenByteCount - (former?.writtenByteCount ?? 0)
        return growth <= 0 || size.bytes + growth <= bounds.bytes
    }

    /// The item of a contact, including one that only holds a subscription request.
    public subscript(jid: JID) -> RosterItem? { itemsByJID[jid.bare] }

    /// In no particular order.
    public var items: some Collection<RosterItem> { itemsByJID.values }
    public var count: Int { itemsByJID.count }

    /// The contacts whose item's state satisfies `condition`.
    public func contacts(where condition: (SubscriptionState) -> Bool) -> [JID] {
        var contacts: [JID] = []
        for (jid, item) in itemsByJID where condition(item.state) { contacts.append(jid) }
        return contacts
    }

    /// Whether the account is subscribed to `jid`'s presence: `to` or `both`.
    public func seesPresence(of jid: JID) -> Bool {
        self[jid]?.state.hasTo ?? false
    }

    /// Whether `jid` is subscribed to the account's presence: `from` or `both`.
    public func showsPresence(to jid: JID) -> Bool {
        self[jid]?.state.hasFrom ?? false
    }

    /// The differences from a former roster.
    func changes(since former: Roster) -> [RosterChange] {
        Set(itemsByJID.keys).union(former.itemsByJID.keys).compactMap { jid in
            let (before, now) = (former.itemsByJID[jid], itemsByJID[jid])
            return before == now ? nil : RosterChange(jid: jid, former: before, item: now, version: version)
        }
    }

    mutating func put(_ item: RosterItem, version: String) {
        count(itemsByJID.updateValue(item, forKey: item.jid), -1)
        count(item, 1)
        self.version = version
    }

    mutating func remove(_ jid: JID, version: String) {
        count(itemsByJID.removeValue(forKey: jid), -1)
        self.version = version
    }
}
