import Foundation
import Synchronization
import XMPPServer

/// The advisory lock that keeps a second process from writing to the store. The system lets go of it when the process
/// ends, however it ends.
final class StoreLock: Sendable {
    static let fileName = "swallowtail.lock"

    private let descriptor: Mutex<CInt?>

    /// Takes the lock of the directory.
    ///
    /// - Throws: `StorageError` of kind `inUse` if somebody else has it.
    init(directory: String) throws(StorageError) {
        let path = directory + "/" + Self.fileName
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else {
            throw StorageError(.failed, "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            _ = Foundation.close(opened)
            if code == EWOULDBLOCK {
                throw StorageError(.inUse, "another process has the store in \(directory) open for writing")
            }
            throw StorageError(.failed, "cannot lock \(path): \(String(cString: strerror(code)))")
        }
        descriptor = Mutex(opened)
    }

    deinit {
        release()
    }

    /// Lets go of the lock. Doing so twice is harmless.
    func release() {
        descriptor.withLock { descriptor in
            guard let opened = descriptor.take() else { return }
            // Closing alone leaves the lock to a child process that has been forked and has not begun its program yet.
            flock(opened, LOCK_UN)
            _ = Foundation.close(opened)
        }
    }
}
