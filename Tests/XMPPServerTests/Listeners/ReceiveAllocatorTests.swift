import NIOCore
import Testing

@testable import XMPPServer

@Suite struct ReceiveAllocatorTests {
    private var pool = NIOPooledRecvBufferAllocator(capacity: 1, recvAllocator: ReceiveAllocator())

    /// Reads that many bytes, or as many as there is room for, and returns the room that there was.
    private mutating func read(_ count: Int) -> Int {
        let (_, room) = pool.buffer(allocator: ByteBufferAllocator()) { buffer in
            let room = buffer.writableBytes
            buffer.writeRepeatingByte(0x20, count: min(count, room))
            return room
        }
        pool.record(actualReadBytes: min(count, room))
        return room
    }

    @Test mutating func whatIsReadIsNotKept() {
        _ = read(100)
        var buffer: ByteBuffer?
        (buffer, _) = pool.buffer(allocator: ByteBufferAllocator()) { $0.writeRepeatingByte(0x20, count: 100) }
        pool.record(actualReadBytes: 100)
        // Nobody else holds it: it can be changed in place.
        #expect(buffer?.modifyIfUniquelyOwned { $0.clear() } != nil)
    }

    @Test mutating func firstBufferIsSmall() {
        #expect(read(100) == 256)
        #expect(read(100) == 1_024)
    }

    @Test mutating func roomGrowsWithWhatComesAndShrinksWhenItIsNotNeeded() {
        let growing = (0..<6).map { _ in read(.max) }
        #expect(growing == [256, 1_024, 4_096, 16_384, 65_536, 65_536])
        // A single short read is the rest of something long.
        #expect(read(100) == 65_536)
        #expect(read(60_000) == 65_536)
        let shrinking = (0..<64).map { _ in read(100) }
        #expect(shrinking.first == 65_536)
        #expect(shrinking.last == 1_024)
    }

    @Test func largeBuffersOfConnectionsCanBeUsedAsOthers() {
        for capacity in [16, 16_384, 32_768, 65_536] {
            var buffer = ByteBufferAllocator.untouched.buffer(capacity: capacity)
            buffer.writeRepeatingByte(7, count: capacity)
            var copy = buffer
            copy.writeRepeatingByte(8, count: 3 * capacity)
            #expect(buffer.readableBytesView.allSatisfy { $0 == 7 })
            #expect(copy.readSlice(length: capacity) == buffer)
            #expect(copy.readableBytesView.allSatisfy { $0 == 8 })
        }
    }
}
