import NIOCore
import XML
import XMPP

/// A module's own ordered collections of values of one type, such as items of nodes or members of rooms. Each is a map
/// from keys to values with an owner and a name. It is read by pages, ordered by key or by the order of puts.
public struct MapStore<Value: StoredValue>: Sendable {
    /// The store's name, unique among all modules.
    public let name: String

    private let storage: any MapStorage & CommitQueue

    /// The store of that name.
    public init(_ name: String, in storage: any MapStorage & CommitQueue) {
        self.name = name
        self.storage = storage
    }

    /// A map of this store.
    public func map(_ name: String, of owner: JID) -> MapName { MapName(owner: owner, store: self.name, name: name) }

    /// The value under the key, or nil.
    ///
    /// - Throws: `StorageError`, of kind `failed` if the stored bytes are not such a value; the same applies to the
    ///   methods below.
    public func get(_ map: MapName, key: String) async throws(StorageError) -> Value? {
        try await items(map, keys: [key]).first?.value
    }

    /// The items under these keys, in the order of their last put. Keys without an item are left out.
    public func items(_ map: MapName, keys: [String]) async throws(StorageError) -> [MapItem<Value>] {
        try decode(await storage.mapItems(map, keys: keys))
    }

    /// A page; nil if the query's position names an item that does not exist.
    public func page(_ query: MapQuery) async throws(StorageError) -> MapPage<Value>? {
        guard let page = try await storage.mapPage(query) else { return nil }
        return MapPage(items: try decode(page.items), count: page.count, index: page.index)
    }

    /// The names of the owner's maps with items, in order, after `name`.
    public func maps(
        of owner: JID, after name: String? = nil, atMost count: Int
    ) async throws(StorageError) -> [String] {
        try await storage.maps(of: owner, store: self.name, after: name, atMost: count)
    }

    /// The change that puts the value under the key: at the end, or at the key's present place with `keepsPlace`.
    public func putting(
        _ value: Value, _ map: MapName, key: String, expiresAt: Timestamp? = nil, keepsPlace: Bool = false
    ) -> StorageChange {
        .putItem(map, key: key, StoredXML.encode(value), expiresAt: expiresAt, keepsPlace: keepsPlace)
    }

    private func decode(_ items: [MapItem<[UInt8]>]) throws(StorageError) -> [MapItem<Value>] {
        var decoded: [MapItem<Value>] = []
        decoded.reserveCapacity(items.count)
        for item in items {
            decoded.append(
                MapItem(
                    key: item.key, value: try StoredXML.decode(item.value, store: name), expiresAt: item.expiresAt))
        }
        return decoded
    }
}
