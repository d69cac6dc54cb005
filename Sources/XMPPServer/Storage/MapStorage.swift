import XMPP

/// Ordered collections of modules: any number for each owner, each of any size; see `MapStore`.
public protocol MapStorage: Sendable {
    /// The items under these keys, in the order of their last put. Keys without an item are left out.
    func mapItems(_ map: MapName, keys: [String]) async throws(StorageError) -> [MapItem<[UInt8]>]
    /// A page of a map; nil if its position names an item that does not exist.
    func mapPage(_ query: MapQuery) async throws(StorageError) -> MapPage<[UInt8]>?
    /// The names of an owner's maps with items in a store, by their UTF-8 bytes, after `name`.
    func maps(of owner: JID, store: String, after name: String?, atMost count: Int) async throws(StorageError)
        -> [String]
}
