import NIOCore

/// Gives out the memory that a connection's bytes are read into: anew for each read, so that an idle connection has none.
///
/// A channel keeps the first buffer that it is given, and reuses it unless the next one may be larger; so the first one
/// is small, and every later one may be larger. The channel must read once at a time (`maxMessagesPerRead`), else it
/// keeps some of the others as well.
struct ReceiveAllocator: RecvByteBufferAllocator {
    /// The header of a stream.
    private static let first: UInt32 = 256
    private static let least: UInt32 = 1_024
    private static let most: UInt32 = 65_536
    /// So many reads that needed less must have come in a row before there is less.
    private static let patience: UInt8 = 16

    private var size = first
    private var small: UInt8 = 0

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { ByteBufferAllocator().buffer(capacity: Int(size)) }

    mutating func record(actualReadBytes: Int) -> Bool {
        if actualReadBytes >= Int(size) {
            // There is more to come.
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
