/// What administrators do with a store as a whole. Opening one, which also brings its tables up to date, is its own type's.
public protocol StorageMaintenance: Sendable {
    /// The version of the tables, which a migration raises.
    var schemaVersion: Int { get }
    /// Looks for damage in everything that is stored. Reads all of it.
    ///
    /// - Returns: a sentence for each thing that is wrong; empty if all is sound.
    func integrityCheck() async throws(StorageError) -> [String]
    /// Writes one file from which the store can be made anew as it is at some moment of the call, while it is used.
    ///
    /// - Parameters:
    ///   - path: where; there must be nothing yet, and is nothing if it fails.
    ///   - files: what is kept outside of the store and belongs to it, by name.
    /// - Throws: `StorageError`, of kind `alreadyExists` if there is something, of kind `inUse` if another backup is being
    ///   made, of kind `cancelled` if the store is closed meanwhile.
    func backUp(to path: String, with files: [String: [UInt8]]) async throws(StorageError)
    /// Refuses further changes, waits until all that was submitted is durable or has failed, and lets go of the store.
    /// Closing twice is harmless.
    ///
    /// - Returns: what of this failed; what was reported as durable is so all the same.
    @discardableResult
    func close() async -> StorageError?
}
