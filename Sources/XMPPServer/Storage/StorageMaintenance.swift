/// What administrators do with a store as a whole. Opening one, which also migrates it, is up to its type.
public protocol StorageMaintenance: Sendable {
    /// The version of the schema, which a migration increments.
    var schemaVersion: Int { get }
    /// Looks for damage in the whole store.
    ///
    /// - Returns: a sentence for each problem; empty: there is none.
    func integrityCheck() async throws(StorageError) -> [String]
    /// Writes one file from which the store can be restored as it was at some moment of the call. The store stays in
    /// use meanwhile.
    ///
    /// - Parameters:
    ///   - path: the file, which must not exist; if the backup fails there is none.
    ///   - files: files that belong to the store but are kept outside of it, by name.
    /// - Throws: `StorageError`, of kind `alreadyExists` if there is a file, `inUse` if another backup is being made,
    ///   `cancelled` if the store is closed meanwhile.
    func backUp(to path: String, with files: [String: [UInt8]]) async throws(StorageError)
    /// Refuses further changes, waits until everything submitted is durable or has failed, and closes the store.
    /// Closing twice is harmless.
    ///
    /// - Returns: an error of closing; what was reported as durable is durable all the same.
    @discardableResult
    func close() async -> StorageError?
}
