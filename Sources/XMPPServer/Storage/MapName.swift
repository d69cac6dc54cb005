import XMPP

/// Which map is meant: an ordered collection of items, such as those of a node.
public struct MapName: Hashable, Sendable {
    /// Whose it is: the bare JID of an account, a host or a service.
    public let owner: JID
    /// The name of the module's store, unique among all modules.
    public let store: String
    /// Its own name within the store.
    public let name: String

    /// The map with the bare form of `owner`.
    public init(owner: JID, store: String, name: String) {
        self.owner = owner.bare
        self.store = store
        self.name = name
    }
}

/// How much a map may hold. What goes is what was put first.
public struct MapBounds: Sendable, Equatable {
    /// How many items; nil: any number.
    public var items: Int?
    /// How many bytes of values; nil: any number.
    public var bytes: Int?

    public init(items: Int? = nil, bytes: Int? = nil) {
        self.items = items
        self.bytes = bytes
    }
}
