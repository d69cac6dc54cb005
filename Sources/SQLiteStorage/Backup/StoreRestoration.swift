import Foundation
import GRDB
import XMPP
import XMPPServer

/// A store restored from a backup.
public struct StoreRestoration: Sendable {
    /// The version of its schema; the server migrates it.
    public let version: Int
    /// The number of its accounts.
    public let accounts: Int
    /// The path of the former store; nil: there was none.
    public let former: String?

    /// Restores a store from a backup. Blocks the thread.
    ///
    /// If it is interrupted, there is either the former store or the new one: the backup is copied and checked beside
    /// the store, and renamed as the last step.
    ///
    /// - Parameters:
    ///   - backup: a file written by `StorageMaintenance.backUp`, or a copied database.
    ///   - database: the store's database.
    ///   - files: paths for the files in the backup, by name.
    ///   - replaces: whether an existing store is moved away.
    /// - Throws: `StorageError`: `inUse` while a server has the store open, `alreadyExists` if there is a store,
    ///   `failed` if the backup is damaged, of a newer release or not one.
    public init(
        of backup: String, database: String, files: [String: String], replacing replaces: Bool
    ) throws(StorageError) {
        let directory = try FileCalls.makeDirectory(of: database)
        let lock = try StoreLock(directory: directory)
        defer { lock.release() }
        let isThere = FileCalls.exists(database)
        guard !isThere || replaces else { throw StorageError(.alreadyExists, "there is a store at \(database)") }

        let draft = try DraftFile(database)
        let content = try StoreBackup.read(backup, to: draft)
        try draft.synchronize()
        var drafts: [DraftFile] = []
        for (name, bytes) in content.files {
            guard let path = files[name] else { continue }
            let file = try DraftFile(path)
            try file.write(bytes)
            try file.synchronize()
            drafts.append(file)
        }

        (version, accounts) = (content.version, content.accounts)
        former = isThere ? try Self.keep(database, files: Array(files.values)) : nil
        // It belongs to the former database.
        for suffix in ["-wal", "-shm"] { try FileCalls.remove(database + suffix) }
        for file in drafts { try file.finish() }
        try draft.finish()
    }

    /// Hard-links the files of the store into a new directory, which is returned.
    private static func keep(_ database: String, files: [String]) throws(StorageError) -> String {
        complete(database)
        let time = Timestamp.now().xep0082.replacing(":", with: "")
        let directory = "\(FileCalls.directory(of: database))/replaced-\(time)"
        guard mkdir(directory, 0o700) == 0 else {
            throw StorageError(.failed, "cannot make the directory \(directory): \(FileCalls.reason())")
        }
        for path in [database, database + "-wal"] + files where FileCalls.exists(path) {
            let name = "\(directory)/\(URL(fileURLWithPath: path).lastPathComponent)"
            guard link(path, name) == 0 else {
                throw StorageError(.failed, "cannot keep \(path) as \(name): \(FileCalls.reason())")
            }
        }
        try FileCalls.synchronizeDirectory(of: "\(directory)/.")
        try FileCalls.synchronizeDirectory(of: directory)
        return directory
    }

    /// Moves the database's log into the database, if it is sound enough.
    private static func complete(_ database: String) {
        // A damaged one is kept as it is, with its log.
        _ = try? DatabaseQueue(path: database).writeWithoutTransaction { db in try db.checkpoint(.truncate) }
    }
}
