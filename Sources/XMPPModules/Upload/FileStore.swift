import NIOCore

/// Where the bytes of uploaded files are kept. What the files are, and whose, stands in the server's storage.
protocol FileStore: Sendable {
    /// Stores a file.
    ///
    /// When it returns, the file is durable and whole; when it throws, nothing of it is there.
    ///
    /// - Parameter size: how many bytes the body has.
    /// - Throws: `FileStoreError`, or what the body throws.
    func put<Body: AsyncSequence & Sendable>(_ id: FileID, size: Int, _ body: Body) async throws
    where Body.Element == ByteBuffer

    /// Writes some bytes of a file, at the pace at which they are taken.
    func write(_ id: FileID, _ range: Range<Int>, to sink: any FileSink) async throws

    /// Removes a file; one that is not there is no error.
    func remove(_ id: FileID) async throws

    /// The size of a file; nil: there is none.
    func size(of id: FileID) async throws -> Int?

    /// Removes what is left of uploads that broke off.
    func removeDrafts() async throws

    /// The sizes of all files whose names begin so.
    func list(prefix: String) async throws -> [FileID: Int]
}

/// Takes the bytes of a file.
package protocol FileSink {
    /// Returns when the bytes are on their way, so that what sends them waits for whoever takes them.
    func write(_ bytes: ByteBuffer) async throws
}

/// Why a file could not be stored or read.
package enum FileStoreError: Error, Equatable {
    /// The body has another size than was announced.
    case wrongSize
    /// There is no room.
    case full
    /// There is no such file.
    case missing
    /// The account that was to have the file is gone.
    case withoutOwner
    /// Anything else, in words for the log.
    case failed(String)
}
