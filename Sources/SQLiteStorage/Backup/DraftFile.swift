import Foundation
import XMPPServer

/// A file that appears under its name only when it is complete and durable. Until then its name ends in `.part`; it is
/// removed if it is never finished, and a later process takes over one left by a killed process.
final class DraftFile {
    /// The path while writing.
    let draft: String

    private let path: String
    private let descriptor: CInt
    private var isFinished = false

    /// Begins an empty file that only its owner can read.
    ///
    /// - Throws: `StorageError` of kind `inUse` if another process is writing it.
    init(_ path: String) throws(StorageError) {
        self.path = path
        draft = path + ".part"
        let opened = open(draft, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard opened >= 0 else { throw StorageError(.failed, "cannot make \(draft): \(FileCalls.reason())") }
        // The former holder of the lock may have renamed or removed the file since it was opened here.
        guard flock(opened, LOCK_EX | LOCK_NB) == 0, Self.isFile(opened, draft) else {
            close(opened)
            throw StorageError(.inUse, "another process is writing \(draft)")
        }
        descriptor = opened
        guard fchmod(opened, 0o600) == 0, ftruncate(opened, 0) == 0 else {
            throw StorageError(.failed, "cannot write \(draft): \(FileCalls.reason())")
        }
    }

    deinit {
        if !isFinished { unlink(draft) }
        close(descriptor)
    }

    func write(_ bytes: [UInt8]) throws(StorageError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw StorageError(.failed, "cannot write \(draft): \(FileCalls.reason())") }
            rest = rest.dropFirst(count)
        }
    }

    /// Returns when everything written so far is on disk.
    func synchronize() throws(StorageError) {
        guard fsync(descriptor) == 0 else {
            throw StorageError(.failed, "cannot write \(draft): \(FileCalls.reason())")
        }
    }

    /// Renames the file to its final name, replacing an existing one. No other descriptor may have the draft open.
    func finish() throws(StorageError) {
        try synchronize()
        guard rename(draft, path) == 0 else {
            throw StorageError(.failed, "cannot name \(path): \(FileCalls.reason())")
        }
        isFinished = true
        try FileCalls.synchronizeDirectory(of: path)
    }

    private static func isFile(_ descriptor: CInt, _ path: String) -> Bool {
        var (opened, named) = (stat(), stat())
        guard fstat(descriptor, &opened) == 0, lstat(path, &named) == 0 else { return false }
        return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino
    }
}
