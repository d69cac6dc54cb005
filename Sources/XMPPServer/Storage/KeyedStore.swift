import NIOCore
import XML
import XMPP

/// A module's own store of one type of value, by owner and key.
public struct KeyedStore<Value: StoredValue>: Sendable {
    /// The store's name, unique among all modules.
    public let name: String

    private let storage: any Storage

    /// The store of that name.
    public init(_ name: String, in storage: any Storage) {
        self.name = name
        self.storage = storage
    }

    /// The value under the key, or nil. A store with one value for each owner leaves the key out.
    ///
    /// - Throws: `StorageError`, of kind `failed` if what is stored is not such a value.
    public func get(_ owner: JID, key: String = "") async throws(StorageError) -> Value? {
        guard let bytes = try await storage.value(name, owner, key: key) else { return nil }
        return try decode(bytes)
    }

    /// All values of the owner, by key.
    ///
    /// - Throws: `StorageError`, of kind `failed` if what is stored is not such a value.
    public func all(_ owner: JID) async throws(StorageError) -> [String: Value] {
        try decode(await storage.values(name, owner))
    }

    /// Values as they are stored, by key.
    func decode(_ values: [String: [UInt8]]) throws(StorageError) -> [String: Value] {
        var decoded: [String: Value] = [:]
        for (key, bytes) in values { decoded[key] = try decode(bytes) }
        return decoded
    }

    /// Puts the value under the key, and waits until it is durable.
    public func put(_ value: Value, _ owner: JID, key: String = "") async throws(StorageError) {
        try await storage.commit([putting(value, owner, key: key)])
    }

    /// Removes the value under the key, and waits until that is durable.
    public func remove(_ owner: JID, key: String = "") async throws(StorageError) {
        try await storage.commit([removing(owner, key: key)])
    }

    /// The change that puts the value under the key, to be submitted together with others.
    public func putting(_ value: Value, _ owner: JID, key: String = "") -> StorageChange {
        var writer = XMLWriter(contentNamespace: .none)
        value.write(to: &writer)
        return .putValue(store: name, owner: owner, key: key, Array(writer.finish().readableBytesView))
    }

    /// The change that removes the value under the key, to be submitted together with others.
    public func removing(_ owner: JID, key: String = "") -> StorageChange {
        .removeValue(store: name, owner: owner, key: key)
    }

    private func decode(_ bytes: [UInt8]) throws(StorageError) -> Value {
        let element: Element
        do {
            element = try Element(ownOutput: bytes)
        } catch {
            throw StorageError(.failed, "a value in the store \(name) is not XML: \(error.reason)")
        }
        guard let value = Value(stored: element) else {
            throw StorageError(.failed, "a value in the store \(name) is of another kind")
        }
        return value
    }
}
