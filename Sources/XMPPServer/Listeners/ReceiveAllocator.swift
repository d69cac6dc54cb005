import NIOCore

/// Allocates the buffer for each read of a connection anew, so that an idle connection has none.
///
/// A channel keeps the first buffer that it is given, and reuses it unless the next one may be larger. So the first is
/// small, and every later one may be larger. The channel must read once at a time (`maxMessagesPerRead`), otherwise it
/// keeps further buffers as well.
struct ReceiveAllocator: RecvByteBufferAllocator {
    /// The header of a stream.
    private static let first: UInt32 = 256
    private static let least: UInt32 = 1_024
    private static let most: UInt32 = 65_536
    /// The number of consecutive small reads before the size is reduced.
    private static let patience: UInt8 = 16

    private var size = first
    private var small: UInt8 = 0

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { ByteBufferAllocator().buffer(capacity: Int(size)) }

    mutating func record(actualReadBytes: Int) -> Bool {
        if actualReadBytes >= Int(size) {
            // More is to come.
            size = min(max(size * 4, Self.least), Self.most)
            small = 0
        } else if actualReadBytes > Int(size) / 4 || size <= Self.least {
            size = max(size, Self.least)
            small = 0
        } else {
            small += 1
            if small == Self.patience {
                size /= 4
                small = 0
            }
        }
        return true
    }
}
