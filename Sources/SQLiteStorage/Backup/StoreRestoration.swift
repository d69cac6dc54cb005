import Foundation
import GRDB
import XMPP
import XMPPServer

/// A store that was made from a backup.
public struct StoreRestoration: Sendable {
    /// The version of its tables; the server brings them up to date.
    public let version: Int
    /// How many accounts it has.
    public let accounts: Int
    /// Where the store is that was there before; nil: there was none.
    public let former: String?

    /// Makes a store from a backup. Blocks the thread.
    ///
    /// Whatever ends this before it is done, there is the former store or the new one: the backup is copied and looked
    /// through beside the store, and takes its place by being renamed, as the last step of all.
    ///
    /// - Parameters:
    ///   - backup: a file that `StorageMaintenance.backUp` has written, or a database that was copied otherwise.
    ///   - database: the store's database.
    ///   - files: where files go that are in the backup, by their names there.
    ///   - replaces: whether a store that is there is kept elsewhere and gives way.
    /// - Throws: `StorageError`: `inUse` while a server has the store open, `alreadyExists` if there is a store, `failed` if
    ///   the backup is damaged, of a newer release or none.
    public init(
        of backup: String, database: String, files: [String: String], replacing replaces: Bool
    ) throws(StorageError) {
        let directory = try StoreFiles.prepareDirectory(of: database)
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

    /// Gives the files of the store a second name each, in a directory of their own, which is returned.
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

    /// Moves what is in the log of the database to where it belongs, if the database is sound enough.
    private static func complete(_ database: String) {
        // One that is not is kept as it is, with its log.
        _ = try? DatabaseQueue(path: database).writeWithoutTransaction { db in try db.checkpoint(.truncate) }
    }
}
