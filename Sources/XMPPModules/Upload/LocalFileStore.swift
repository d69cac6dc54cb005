import Foundation
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Files in a directory: `DIRECTORY/ab/abcd…`, a folder for each two digits with which names begin. What is being written is
/// in `DIRECTORY/drafts`, and moves to its place when all of it is on the disk.
final class LocalFileStore: FileStore {
    /// Bytes that are read from a file at a time, and sent.
    private static let chunk = 256 * 1024
    /// The room that uploads leave on the disk: the database needs some.
    private static let reserve = 64 << 20
    /// An upload to whose draft nothing was added for so long has broken off.
    private static let draftSeconds = 600

    private let directory: String
    private let threads: NIOThreadPool
    /// Makes the folders, at the first use; until that has worked.
    private let folders = Mutex<Task<Void, any Error>?>(nil)

    init(directory: String, threads: NIOThreadPool = .singleton) {
        self.directory = directory
        self.threads = threads
    }

    private func path(_ id: FileID) -> String { "\(directory)/\(id.prefix)/\(id)" }

    private func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        let making = folders.withLock { folders in
            let making =
                folders
                ?? Task { [directory, threads] in
                    try await threads.runIfActive { try Self.makeFolders(in: directory) }
                }
            folders = making
            return making
        }
        do {
            try await making.value
        } catch {
            folders.withLock { $0 = nil }
            throw error
        }
        return try await threads.runIfActive(body)
    }

    // MARK: Writing

    func put<Body: AsyncSequence & Sendable>(_ id: FileID, size: Int, _ body: Body) async throws
    where Body.Element == ByteBuffer {
        let (draft, path, folder) = ("\(directory)/drafts/\(id)", path(id), "\(directory)/\(id.prefix)")
        let file = try await run { [directory] in try Self.open(draft, size: size, in: directory) }
        do {
            for try await chunk in body { try await run { try Self.write(chunk, to: file) } }
            try await run {
                try Self.check(fsync(file), "synchronise", draft)
                try Self.check(rename(draft, path), "rename", draft)
                try Self.synchronise(folder: folder)
                close(file)
            }
        } catch {
            try await run {
                close(file)
                unlink(draft)
            }
            throw error
        }
    }

    private static func open(_ path: String, size: Int, in directory: String) throws -> CInt {
        var system = statvfs()
        try check(statvfs(directory, &system), "look at", directory)
        guard hasRoom(blocks: UInt64(system.f_bavail), of: UInt64(system.f_frsize), for: size) else {
            throw FileStoreError.full
        }
        let file = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        try check(file, "make", path)
        // Whether there is room is known before the first byte. Not every file system can tell.
        if [ENOSPC, EDQUOT].contains(posix_fallocate(file, 0, off_t(size))) {
            close(file)
            unlink(path)
            throw FileStoreError.full
        }
        return file
    }

    /// Whether a file leaves enough room. Some file systems say that they have more than can be counted in bytes.
    static func hasRoom(blocks: UInt64, of blockSize: UInt64, for size: Int) -> Bool {
        let (bytes, isMore) = blocks.multipliedReportingOverflow(by: blockSize)
        return isMore || bytes >= UInt64(size) + UInt64(reserve)
    }

    private static func write(_ chunk: ByteBuffer, to file: CInt) throws {
        try chunk.withUnsafeReadableBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                try check(CInt(clamping: count), "write", "a draft")
                rest = rest.dropFirst(count)
            }
        }
    }

    // MARK: Reading

    func write(_ id: FileID, _ range: Range<Int>, to sink: any FileSink) async throws {
        let path = path(id)
        let file = try await run {
            let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
            try Self.check(file, "open", path)
            return file
        }
        let result: Result<Void, any Error>
        do {
            result = .success(try await write(file, range, to: sink))
        } catch {
            result = .failure(error)
        }
        _ = try await run { close(file) }
        try result.get()
    }

    private func write(_ file: CInt, _ range: Range<Int>, to sink: any FileSink) async throws {
        var start = range.lowerBound
        while start < range.upperBound {
            let (offset, size) = (start, min(Self.chunk, range.upperBound - start))
            let buffer = try await run { try Self.read(file, at: offset, size) }
            guard buffer.readableBytes > 0 else { throw FileStoreError.failed("a file is shorter than it was") }
            start += buffer.readableBytes
            try await sink.write(buffer)
        }
    }

    private static func read(_ file: CInt, at offset: Int, _ size: Int) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
            while true {
                let count = pread(file, bytes.baseAddress, size, off_t(offset))
                if count < 0, errno == EINTR { continue }
                try check(CInt(clamping: count), "read", "a file")
                return count
            }
        }
        return buffer
    }

    // MARK: Files

    func remove(_ id: FileID) async throws {
        let path = path(id)
        try await run {
            if unlink(path) != 0, errno != ENOENT { try Self.check(-1, "remove", path) }
        }
    }

    func size(of id: FileID) async throws -> Int? {
        let path = path(id)
        return try await run {
            var info = stat()
            guard stat(path, &info) != 0 else { return Int(info.st_size) }
            // Only then is there no such file: what cannot be looked at is not gone.
            if errno != ENOENT { try Self.check(-1, "look at", path) }
            return nil
        }
    }

    func removeDrafts() async throws {
        try await run { [directory] in
            for name in try FileManager.default.contentsOfDirectory(atPath: "\(directory)/drafts") {
                let path = "\(directory)/drafts/\(name)"
                var info = stat()
                guard stat(path, &info) == 0, time(nil) - info.st_mtim.tv_sec > Self.draftSeconds else { continue }
                unlink(path)
            }
        }
    }

    func list(prefix: String) async throws -> [FileID: Int] {
        let folder = "\(directory)/\(prefix)"
        return try await run {
            var found: [FileID: Int] = [:]
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                var info = stat()
                guard let id = FileID(name), stat("\(folder)/\(name)", &info) == 0 else { continue }
                found[id] = Int(info.st_size)
            }
            return found
        }
    }

    private static func makeFolders(in directory: String) throws {
        let files = FileManager.default
        for name in ["drafts"] + FileID.prefixes {
            try files.createDirectory(
                atPath: "\(directory)/\(name)", withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        }
        try synchronise(folder: "\(directory)/..")
        try synchronise(folder: directory)
    }

    /// A file has its name for good when the folder is on the disk.
    private static func synchronise(folder: String) throws {
        let file = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        try check(file, "open", folder)
        defer { close(file) }
        try check(fsync(file), "synchronise", folder)
    }

    private static func check(_ result: CInt, _ act: String, _ path: String) throws {
        guard result < 0 else { return }
        switch errno {
        case ENOSPC, EDQUOT: throw FileStoreError.full
        case ENOENT: throw FileStoreError.missing
        case let code: throw FileStoreError.failed("cannot \(act) \(path): \(String(cString: strerror(code)))")
        }
    }
}
