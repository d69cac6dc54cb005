@_spi(CustomByteBufferAllocator) import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension ByteBufferAllocator {
    /// Allocates large buffers whose pages take no memory until they are written.
    ///
    /// The TLS handler allocates 48 KiB for each connection, of which an idle one uses two pages. Memory from the usual
    /// allocator has mostly been used before, by a handshake, and counts as used.
    static let untouched = ByteBufferAllocator(
        allocate: { size in size < least ? malloc(size) : allocate(size) },
        reallocate: { memory, _, size in realloc(memory, size) },
        deallocate: { free($0) },
        copy: { $0.copyMemory(from: $1, byteCount: $2) })

    private static let least = 16_384
    private static let page = 4_096

    /// Page-aligned, so that a few bytes touch one page.
    private static func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        guard let memory = aligned_alloc(page, size) else { return nil }
        madvise(memory, size & ~(page - 1), MADV_DONTNEED)
        return memory
    }
}
