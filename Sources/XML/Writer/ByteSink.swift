import NIOCore

/// Memory of a known size, filled from its start. Writing beyond the end traps, as the size was computed from the same
/// values.
struct ByteSink {
    private let memory: UnsafeMutableRawBufferPointer
    /// The number of bytes written.
    private(set) var count = 0

    @inline(__always)
    init(_ memory: UnsafeMutableRawBufferPointer) {
        self.memory = memory
    }

    @inline(__always)
    mutating func put(_ byte: UInt8) {
        precondition(count < memory.count)
        memory[count] = byte
        count &+= 1
    }

    @inline(__always)
    mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, let start = memory.baseAddress, bytes.count > 0 else { return }
        precondition(bytes.count <= memory.count &- count)
        (start + count).copyMemory(from: source, byteCount: bytes.count)
        count &+= bytes.count
    }

    @inline(__always)
    mutating func put(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { put($0) }
    }

    @inline(__always)
    mutating func put(_ text: StaticString) {
        text.withUTF8Buffer { put(UnsafeRawBufferPointer($0)) }
    }

    /// Replaces a byte that was written `distance` bytes ago.
    @inline(__always)
    mutating func replace(_ distance: Int, by byte: UInt8) {
        precondition(distance > 0 && distance <= count)
        memory[count &- distance] = byte
    }
}

extension ByteBuffer {
    /// Appends exactly `count` bytes, which `body` must fill.
    @inline(__always)
    mutating func append(_ count: Int, _ body: (inout ByteSink) -> Void) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            var sink = ByteSink(UnsafeMutableRawBufferPointer(rebasing: memory[..<count]))
            body(&sink)
            return sink.count
        }
    }
}
