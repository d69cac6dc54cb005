import Testing
import XMPP

@testable import XMPPServer

@Suite struct AttemptLimitTests {
    private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1_000) }

    @Test func withinItsTime() {
        let limit = AttemptLimit<String>(limit: 3, within: .seconds(60))
        for second in 0..<3 {
            #expect(limit.allows("a", now: at(Int64(second))))
            limit.count("a", now: at(Int64(second)))
        }
        #expect(!limit.allows("a", now: at(3)))
        #expect(limit.allows("b", now: at(3)))
        #expect(!limit.allows("a", now: at(59)))
        #expect(limit.allows("a", now: at(60)))
        limit.count("a", now: at(60))
        #expect(limit.allows("a", now: at(61)))
    }

    @Test func zeroIsNoLimit() {
        let limit = AttemptLimit<String>(limit: 0, within: .seconds(60))
        for _ in 0..<100 { limit.count("a", now: at(0)) }
        #expect(limit.allows("a", now: at(0)))
    }

    @Test("An attacker with many addresses does not wash away the counts of the latest")
    func manyKeys() {
        let limit = AttemptLimit<Int>(limit: 1, within: .seconds(60))
        let capacity = AttemptLimit<Int>.capacity
        for key in 0..<(capacity + 10) { limit.count(key, now: Timestamp(milliseconds: Int64(key))) }
        for key in (capacity - 20_000)..<(capacity + 10) {
            #expect(!limit.allows(key, now: Timestamp(milliseconds: 59_000)))
        }
        // Also where all came at the same time.
        let same = AttemptLimit<Int>(limit: 1, within: .seconds(60))
        for key in 0..<(capacity + 10) { same.count(key, now: at(0)) }
        let kept = (0..<(capacity + 10)).count { !same.allows($0, now: at(1)) }
        #expect((capacity / 2 - 1...capacity / 2 + 10).contains(kept))
    }
}
