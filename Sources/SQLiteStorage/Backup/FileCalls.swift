import Foundation
import XMPPServer

/// System calls on files, with failures as `StorageError`.
enum FileCalls {
    /// The error of the last call.
    static func reason() -> String { String(cString: strerror(errno)) }

    static func directory(of path: String) -> String { URL(fileURLWithPath: path).deletingLastPathComponent().path }

    /// Whether the name exists, even as a dangling link.
    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Returns when the names in the file's directory are on disk.
    static func synchronizeDirectory(of path: String) throws(StorageError) {
        let directory = directory(of: path)
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw StorageError(.failed, "cannot open \(directory): \(reason())") }
        defer { close(descriptor) }
        // Some file systems do not support this for directories.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw StorageError(.failed, "cannot write \(directory): \(reason())")
        }
    }

    /// Whether it is a regular file, which a reader never waits for.
    static func isRegular(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Removes the file if it is there.
    static func remove(_ path: String) throws(StorageError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw StorageError(.failed, "cannot remove \(path): \(reason())")
        }
    }
}
