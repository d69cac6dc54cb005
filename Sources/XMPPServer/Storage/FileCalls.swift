import Foundation

/// System calls on files, with failures as `StorageError`.
package enum FileCalls {
    /// The error of the last call.
    package static func reason() -> String { String(cString: strerror(errno)) }

    package static func directory(of path: String) -> String {
        URL(fileURLWithPath: path).deletingLastPathComponent().path
    }

    /// Makes the file's directory for its owner alone, if it does not exist.
    ///
    /// - Returns: its path.
    @discardableResult
    package static func makeDirectory(of path: String) throws(StorageError) -> String {
        let directory = directory(of: path)
        guard !FileManager.default.fileExists(atPath: directory) else { return directory }
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StorageError(.failed, "cannot make the directory \(directory): \(error.localizedDescription)")
        }
        try synchronizeDirectory(of: directory)
        return directory
    }

    /// Writes a small file for its owner alone. It appears under its name when it is complete, and is on the disk then.
    package static func write(_ bytes: [UInt8], to path: String) throws(StorageError) {
        let draft = path + ".part"
        try remove(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StorageError(.failed, "cannot make \(draft): \(reason())") }
        defer { close(descriptor) }
        guard bytes.withUnsafeBytes({ Foundation.write(descriptor, $0.baseAddress, $0.count) }) == bytes.count,
            fsync(descriptor) == 0
        else { throw StorageError(.failed, "cannot write \(draft): \(reason())") }
        guard rename(draft, path) == 0 else { throw StorageError(.failed, "cannot name \(path): \(reason())") }
        try synchronizeDirectory(of: path)
    }

    /// Returns when the names in the file's directory are on disk.
    package static func synchronizeDirectory(of path: String) throws(StorageError) {
        let directory = directory(of: path)
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw StorageError(.failed, "cannot open \(directory): \(reason())") }
        defer { close(descriptor) }
        // Some file systems do not support this for directories.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw StorageError(.failed, "cannot write \(directory): \(reason())")
        }
    }

    /// Removes the file if it is there.
    package static func remove(_ path: String) throws(StorageError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw StorageError(.failed, "cannot remove \(path): \(reason())")
        }
    }
}
