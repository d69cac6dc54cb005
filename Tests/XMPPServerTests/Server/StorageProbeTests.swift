import Synchronization
import Testing

@testable import XMPPServer

@Suite struct StorageProbeTests {
    @Test func whileTheStorageHangsOneReadIsUnderWay() async {
        let reads = Mutex(0)
        let (gate, opener) = AsyncStream<Void>.makeStream()
        let probe = StorageProbe(patience: .milliseconds(50)) {
            reads.withLock { $0 += 1 }
            for await _ in gate {}
        }
        for _ in 0..<20 { #expect(await !probe.answers()) }
        #expect(reads.withLock { $0 } == 1)
        opener.finish()
        // The read that was late ends, and the next one answers.
        while await !probe.answers() { await Task.yield() }
        #expect(reads.withLock { $0 } == 2)
    }
}
