import XMPP

/// Identifies a map: an ordered collection of items, such as those of a PubSub node.
public struct MapName: Hashable, Sendable {
    /// The owner: the bare JID of an account, a host or a service.
    public let owner: JID
    /// The name of the module's store, unique among all modules.
    public let store: String
    /// The map's name within the store.
    public let name: String

    /// The map with the bare form of `owner`.
    public init(owner: JID, store: String, name: String) {
        self.owner = owner.bare
        self.store = store
        self.name = name
    }
}

/// Bounds for a map. Beyond them the items put first are removed.
public struct MapBounds: Sendable, Equatable {
    /// The maximum number of items; nil: no bound.
    public var items: Int?
    /// The maximum bytes of values; nil: no bound.
    public var bytes: Int?

    public init(items: Int? = nil, bytes: Int? = nil) {
        self.items = items
        self.bytes = bytes
    }
}
