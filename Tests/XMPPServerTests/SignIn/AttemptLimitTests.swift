import Synchronization
import Testing
import XMPP

@testable import XMPPServer

@Suite struct AttemptLimitTests {
    /// How many are in something at the same time, and were at most.
    private final class Gauge: Sendable {
        private let state = Mutex((now: 0, most: 0))
        var most: Int { state.withLock { $0.most } }

        func enter() {
            state.withLock { state in
                state.now += 1
                state.most = max(state.most, state.now)
            }
        }

        func leave() { state.withLock { $0.now -= 1 } }
    }

    @Test func withinItsTime() {
        let limit = AttemptLimit<String>(limit: 3, within: .seconds(60))
        for second in 0..<3 { #expect(limit.take("a", at: .seconds(second)) != nil) }
        #expect(limit.take("a", at: .seconds(3)) == nil)
        #expect(limit.take("b", at: .seconds(3)) != nil)
        #expect(limit.take("a", at: .seconds(59)) == nil)
        #expect(limit.take("a", at: .seconds(60)) != nil)
        #expect(limit.take("a", at: .seconds(61)) != nil)
    }

    @Test("Fifty at once never get more than there are, however many of them are given back")
    func atOnce() async {
        let limit = AttemptLimit<String>(limit: 5, within: .seconds(60))
        let gauge = Gauge()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    for _ in 0..<200 {
                        guard let place = limit.take("a", at: .zero) else { continue }
                        gauge.enter()
                        gauge.leave()
                        limit.giveBack(place)
                    }
                }
            }
        }
        #expect(gauge.most <= 5)
        let kept = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { limit.take("a", at: .zero) != nil } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(kept == 5)
    }

    @Test("What is given back when its time is over frees no place of the next")
    func late() throws {
        let limit = AttemptLimit<String>(limit: 1, within: .seconds(60))
        let early = try #require(limit.take("a", at: .zero))
        #expect(limit.take("a", at: .seconds(60)) != nil)
        limit.giveBack(early)
        #expect(limit.take("a", at: .seconds(61)) == nil)
    }

    @Test func zeroIsNoLimit() {
        let limit = AttemptLimit<String>(limit: 0, within: .seconds(60))
        for _ in 0..<100 { #expect(limit.take("a", at: .zero) != nil) }
    }

    @Test("An attacker with many addresses does not wash away the counts of the latest")
    func manyKeys() {
        let limit = AttemptLimit<Int>(limit: 1, within: .seconds(60))
        let capacity = AttemptLimit<Int>.capacity
        for key in 0..<(capacity + 10) { _ = limit.take(key, at: .milliseconds(key / 2)) }
        for key in (capacity - 20_000)..<(capacity + 10) { #expect(limit.take(key, at: .seconds(59)) == nil) }
        // Also where all came at the same time.
        let same = AttemptLimit<Int>(limit: 1, within: .seconds(60))
        for key in 0..<(capacity + 10) { _ = same.take(key, at: .zero) }
        let kept = (0..<capacity / 2).count { same.take($0, at: .seconds(1)) == nil }
        #expect(kept < capacity / 2)
    }
}
