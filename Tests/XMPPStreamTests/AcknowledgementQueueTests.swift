import Testing

@testable import XMPPStream

@Suite("What a peer has acknowledged") struct AcknowledgementQueueTests {
    @Test("Counts go on over 2^32") func wraps() {
        var queue = AcknowledgementQueue<Int>(acknowledged: UInt64(UInt32.max) - 1)
        for number in 1...4 { queue.append(number) }
        while queue.writeNext() != nil {}
        #expect(queue.acknowledge(.max) == [1])
        #expect(queue.acknowledge(1) == [2, 3])
        #expect(queue.acknowledged == UInt64(UInt32.max) + 2)
        #expect(queue.acknowledge(2) == [4])
        #expect(queue.isEmpty)
    }

    @Test("What was not written cannot have been handled") func unwritten() {
        var queue = AcknowledgementQueue<Int>()
        queue.append(1)
        #expect(queue.acknowledge(1) == nil)
        #expect(queue.writeNext() == 1)
        #expect(queue.acknowledge(2) == nil)
        #expect(queue.acknowledge(1) == [1])
        #expect(queue.acknowledge(0) == nil)
    }

    @Test("Whatever is counted: nothing comes back, nothing is skipped", arguments: 0..<50) func property(_ seed: Int) {
        var generator = Steps(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        let start = UInt64(UInt32.max) - UInt64(generator.next() % 100)
        var queue = AcknowledgementQueue<UInt64>(acknowledged: start)
        var appended = start
        var acknowledged = start
        var written = start
        for _ in 0..<500 {
            switch generator.next() % 5 {
            case 0, 1:
                appended += 1
                #expect(queue.append(appended) == appended)
            case 2:
                if let entry = queue.writeNext() {
                    written += 1
                    #expect(entry == written)
                } else {
                    #expect(written == appended)
                }
            case 3 where generator.next() % 10 == 0:
                queue.rewind()
                written = acknowledged
            default:
                let count = acknowledged &+ UInt64(generator.next() % 8) &- 2
                let removed = queue.acknowledge(UInt32(truncatingIfNeeded: count))
                if count >= acknowledged, count <= written {
                    #expect(removed == Array(acknowledged..<count).map { $0 + 1 })
                    acknowledged = count
                } else {
                    #expect(removed == nil)
                }
            }
            #expect(queue.acknowledged == acknowledged)
            #expect(queue.last == appended)
        }
    }

    private struct Steps {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
    }
}
