import Foundation
import XMPPServer

/// Checks that an open database's files are still in place. SQLite would continue to write to removed files, and
/// everything would be lost with the process.
struct OpenFiles: Sendable {
    private struct Identity: Equatable {
        let device: UInt64
        let number: UInt64

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt64(status.st_dev)
            number = UInt64(status.st_ino)
        }
    }

    private let files: [(path: String, identity: Identity)]

    /// The files of the database at `path`, as they are now.
    init(database path: String) {
        files = [path, path + "-wal"].compactMap { path in Identity(path).map { (path, $0) } }
    }

    /// - Throws: `StorageError` if one of them was removed or replaced.
    func check() throws(StorageError) {
        for file in files where Identity(file.path) != file.identity {
            throw StorageError(
                .failed,
                "\(file.path) has been removed or replaced while it was open: nothing is stored any more, and what was "
                    + "stored may be lost; restart the server")
        }
    }
}
