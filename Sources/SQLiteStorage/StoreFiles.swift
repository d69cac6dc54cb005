import Foundation
import XMPPServer

/// Makes the database's file, readable by its owner alone.
enum StoreFiles {
    /// Makes the file if it does not exist, and removes other users' rights. SQLite gives its further files the same
    /// mode.
    static func prepareDatabase(_ path: String) throws(StorageError) {
        // An existing file is not opened: closing it would release SQLite's locks on it elsewhere in the process.
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 {
            close(descriptor)
        } else if errno != EEXIST {
            throw StorageError(.failed, "cannot make \(path): \(String(cString: strerror(errno)))")
        }
        guard chmod(path, 0o600) == 0 else {
            throw StorageError(.failed, "cannot set the mode of \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Makes sure that there is a file to read.
    static func requireDatabase(_ path: String) throws(StorageError) {
        guard FileManager.default.fileExists(atPath: path) else {
            throw StorageError(.notFound, "there is no database at \(path)")
        }
    }
}
