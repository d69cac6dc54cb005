import XMPP

/// A module's own store for values of one type, by owner and key.
public struct KeyedStore<Value: StoredValue>: Sendable {
    /// The store's name, unique among all modules.
    public let name: String

    private let storage: any ValueStorage & CommitQueue

    /// The store of that name.
    public init(_ name: String, in storage: any ValueStorage & CommitQueue) {
        self.name = name
        self.storage = storage
    }

    /// The value under the key, or nil. A store with one value per owner leaves the key out.
    ///
    /// - Throws: `StorageError`, of kind `failed` if the stored bytes are not such a value.
    public func get(_ owner: JID, key: String = "") async throws(StorageError) -> Value? {
        guard let bytes = try await storage.value(name, owner, key: key) else { return nil }
        return try StoredXML.decode(bytes, store: name)
    }

    /// All values of the owner, by key.
    ///
    /// - Throws: `StorageError`, of kind `failed` if the stored bytes are not such a value.
    public func all(_ owner: JID) async throws(StorageError) -> [String: Value] {
        try decode(await storage.values(name, owner))
    }

    /// Decodes stored values, by key.
    func decode(_ values: [String: [UInt8]]) throws(StorageError) -> [String: Value] {
        var decoded: [String: Value] = [:]
        for (key, bytes) in values { decoded[key] = try StoredXML.decode(bytes, store: name) }
        return decoded
    }

    /// Stores the value under the key and waits until it is durable.
    public func put(_ value: Value, _ owner: JID, key: String = "") async throws(StorageError) {
        try await storage.commit([putting(value, owner, key: key)])
    }

    /// Removes the value under the key and waits until that is durable.
    public func remove(_ owner: JID, key: String = "") async throws(StorageError) {
        try await storage.commit([removing(owner, key: key)])
    }

    /// The change that stores the value under the key, to be submitted with others.
    public func putting(_ value: Value, _ owner: JID, key: String = "") -> StorageChange {
        .putValue(store: name, owner: owner, key: key, StoredXML.encode(value))
    }

    /// The change that removes the value under the key, to be submitted with others.
    public func removing(_ owner: JID, key: String = "") -> StorageChange {
        .removeValue(store: name, owner: owner, key: key)
    }
}
