import NIOCore
import Synchronization

/// The body of an upload on its way to the store: it is counted, and its first bytes are noted, from which one can tell what
/// it is.
struct UploadBody<Base: AsyncSequence & Sendable>: AsyncSequence, Sendable where Base.Element == ByteBuffer {
    private let body: Base
    private let size: Int
    private let slot: UploadSlot
    private let head: UploadHead

    /// - Parameter slot: the body ends with an error when the slot is void.
    init(_ body: Base, of slot: UploadSlot, head: UploadHead) {
        self.body = body
        self.slot = slot
        self.head = head
        size = slot.file.size
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var iterator: Base.AsyncIterator
        fileprivate var missing: Int
        fileprivate let slot: UploadSlot
        fileprivate let head: UploadHead

        mutating func next() async throws -> ByteBuffer? {
            let chunk = try await iterator.next()
            guard let chunk else {
                guard missing == 0 else { throw FileStoreError.wrongSize }
                return nil
            }
            guard !slot.isVoid, missing >= chunk.readableBytes else { throw FileStoreError.wrongSize }
            missing -= chunk.readableBytes
            head.add(chunk)
            return chunk
        }
    }

    /// It throws `FileStoreError.wrongSize` where the body is longer or shorter than announced.
    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(iterator: body.makeAsyncIterator(), missing: size, slot: slot, head: head)
    }
}

/// The first bytes of a body.
final class UploadHead: Sendable {
    private let state = Mutex<[UInt8]>([])

    var bytes: [UInt8] { state.withLock { $0 } }

    fileprivate func add(_ chunk: ByteBuffer) {
        state.withLock { bytes in
            let missing = ContentType.enough - bytes.count
            if missing > 0 { bytes += chunk.readableBytesView.prefix(missing) }
        }
    }
}
