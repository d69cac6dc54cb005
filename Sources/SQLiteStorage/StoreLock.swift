import Foundation
import Synchronization
import XMPPServer

/// The advisory lock that keeps a second process from writing to the store. The system releases it when the process
/// ends.
final class StoreLock: Sendable {
    static let fileName = "swallowtail.lock"

    private let descriptor: Mutex<CInt?>

    /// Takes the lock of the directory.
    ///
    /// - Throws: `StorageError` of kind `inUse` if another process has it.
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
                let holder = Self.holder(path).map { "the process \($0)" } ?? "another process"
                throw StorageError(.inUse, "\(holder) has the store in \(directory) open for writing")
            }
            throw StorageError(.failed, "cannot lock \(path): \(String(cString: strerror(code)))")
        }
        // Tells other processes who has it.
        let holder = Array("\(getpid())\n".utf8)
        _ = ftruncate(opened, 0)
        _ = holder.withUnsafeBytes { pwrite(opened, $0.baseAddress, $0.count, 0) }
        descriptor = Mutex(opened)
    }

    /// The process recorded in the file; nil: none yet.
    private static func holder(_ path: String) -> Int32? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    deinit {
        release()
    }

    /// Releases the lock. Doing so twice is harmless.
    func release() {
        descriptor.withLock { descriptor in
            guard let opened = descriptor.take() else { return }
            // Closing alone leaves the lock to a forked child process that has not started its program yet.
            flock(opened, LOCK_UN)
            _ = Foundation.close(opened)
        }
    }
}
