import XMPP

/// Values of modules, a few for each owner; see `KeyedStore`. For collections that grow see `MapStorage`.
public protocol ValueStorage: Sendable {
    /// The value under a key of a store, or nil.
    func value(_ store: String, _ owner: JID, key: String) async throws(StorageError) -> [UInt8]?
    /// All values that an owner has in a store, by key.
    func values(_ store: String, _ owner: JID) async throws(StorageError) -> [String: [UInt8]]
    /// The names of the stores in which an owner has values, in order.
    func stores(of owner: JID) async throws(StorageError) -> [String]
}
