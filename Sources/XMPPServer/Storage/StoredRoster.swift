/// A whole roster as stored.
public struct StoredRoster: Sendable, Equatable {
    /// The items by JID, including those that only hold a subscription request.
    public var items: [RosterItem]
    /// The version last set (RFC 6121 §2.6); nil: none yet.
    public var version: String?

    /// A roster.
    public init(items: [RosterItem] = [], version: String? = nil) {
        self.items = items
        self.version = version
    }
}
