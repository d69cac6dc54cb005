import NIOCore
import XML

/// Decodes stored values.
enum StoredXML {
    static func encode(_ value: some StoredValue) -> [UInt8] {
        var writer = XMLWriter(contentNamespace: .none)
        value.write(to: &writer)
        return Array(writer.finish().readableBytesView)
    }

    /// - Throws: `StorageError` of kind `failed` if the bytes are not such a value.
    static func decode<Value: StoredValue>(_ bytes: [UInt8], store: String) throws(StorageError) -> Value {
        let element: Element
        do {
            element = try Element(ownOutput: bytes)
        } catch {
            throw StorageError(.failed, "a value in the store \(store) is not XML: \(error.reason)")
        }
        guard let value = Value(stored: element) else {
            throw StorageError(.failed, "a value in the store \(store) is of another kind")
        }
        return value
    }
}
