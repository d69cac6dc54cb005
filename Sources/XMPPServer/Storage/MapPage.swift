import XMPP

/// Which items of a map are read. A page is found through an index: what it costs depends on the page, not on the map; so do
/// not `.index` and `isCounted`, which go through the index up to there.
public struct MapQuery: Sendable, Equatable {
    /// In which order items follow each other.
    public enum Order: Sendable, Equatable {
        /// In that of the bytes of their keys in UTF-8; only those whose keys begin so.
        case byKey(prefix: String = "")
        /// In that in which they were put last, other than with `keepsPlace`.
        case byPlace
    }

    /// Where the page lies: a client asks by such words for a page of a result set.
    public enum Position: Sendable, Equatable {
        case first
        /// Behind the item with this key.
        case after(String)
        /// Just before the item with this key.
        case before(String)
        case last
        /// From this item on, counted from 0.
        case index(Int)
    }

    public var map: MapName
    public var order: Order
    public var position: Position
    /// How many items at most.
    public var limit: Int
    /// After how many bytes of values a page ends, though there are more items; one is read in any case. Nil: however many.
    public var byteLimit: Int?
    /// Whether the page tells how many items there are, and which of them is its first.
    public var isCounted: Bool

    public init(
        _ map: MapName, order: Order = .byPlace, position: Position = .first, limit: Int, byteLimit: Int? = nil,
        isCounted: Bool = false
    ) {
        self.map = map
        self.order = order
        self.position = position
        self.limit = limit
        self.byteLimit = byteLimit
        self.isCounted = isCounted
    }
}

/// One item of a map.
public struct MapItem<Value: Sendable>: Sendable {
    public let key: String
    public let value: Value
    /// From when on it may be removed; nil: it stays.
    public let expiresAt: Timestamp?

    public init(key: String, value: Value, expiresAt: Timestamp?) {
        self.key = key
        self.value = value
        self.expiresAt = expiresAt
    }
}

extension MapItem: Equatable where Value: Equatable {}

/// A page of a map.
public struct MapPage<Value: Sendable>: Sendable {
    /// In the order that was asked for, whichever end the page was taken from.
    public let items: [MapItem<Value>]
    /// How many items there are on all pages; nil: that was not asked for.
    public let count: Int?
    /// Which of them is the first on this page, counted from 0; nil: that was not asked for, or the page is empty.
    public let index: Int?

    public init(items: [MapItem<Value>], count: Int?, index: Int?) {
        self.items = items
        self.count = count
        self.index = index
    }
}
