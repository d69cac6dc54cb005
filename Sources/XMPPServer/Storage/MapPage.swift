import XMPP

/// Selects a page of a map. A page is found through an index, so its cost depends on the page and not on the map;
/// except for `.index` and `isCounted`, which walk the index up to there.
public struct MapQuery: Sendable, Equatable {
    /// The order of the items.
    public enum Order: Sendable, Equatable {
        /// By the UTF-8 bytes of their keys; only keys with this prefix.
        case byKey(prefix: String = "")
        /// By the time of their last put without `keepsPlace`.
        case byPlace
    }

    /// The position of the page, as in a result set.
    public enum Position: Sendable, Equatable {
        case first
        /// After the item with this key.
        case after(String)
        /// Directly before the item with this key.
        case before(String)
        case last
        /// From this item on, counted from 0.
        case index(Int)
    }

    public var map: MapName
    public var order: Order
    public var position: Position
    /// The maximum number of items.
    public var limit: Int
    /// Ends the page after so many bytes of values, but never before the first item. nil: no bound.
    public var byteLimit: Int?
    /// Whether the page tells the total number of items and the index of its first one.
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
    /// When it may be removed; nil: never.
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
    /// In the order asked for, whichever end the page was taken from.
    public let items: [MapItem<Value>]
    /// The number of items on all pages; nil: not asked for.
    public let count: Int?
    /// The index of the page's first item, counted from 0; nil: not asked for, or the page is empty.
    public let index: Int?

    public init(items: [MapItem<Value>], count: Int?, index: Int?) {
        self.items = items
        self.count = count
        self.index = index
    }
}
