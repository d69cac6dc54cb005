import XMPP

/// Ordered collections of modules, for each owner any number, each of any size; see `MapStore`.
public protocol MapStorage: Sendable {
    /// The items under these keys, in the order in which they were put last. Keys that there are none of are left out.
    func mapItems(_ map: MapName, keys: [String]) async throws(StorageError) -> [MapItem<[UInt8]>]
    /// A page of a map; nil if its position names an item that there is none of.
    func mapPage(_ query: MapQuery) async throws(StorageError) -> MapPage<[UInt8]>?
    /// The names of the maps of an owner in a store that have items, in the order of their bytes in UTF-8, from the one behind
    /// `name` on.
    func maps(of owner: JID, store: String, after name: String?, atMost count: Int) async throws(StorageError)
        -> [String]
}
