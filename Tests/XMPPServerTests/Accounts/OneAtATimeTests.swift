import Synchronization
import Testing

@testable import XMPPServer

@Suite("One at a time")
struct OneAtATimeTests {
    @Test("Nothing is looked at before what was changed meanwhile, and every one is done")
    func exclusive() async {
        let turn = OneAtATime<String>()
        let value = Number()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    await turn.run(for: "number") {
                        let seen = value.current
                        await Task.yield()
                        value.current = seen + 1
                    }
                }
            }
        }
        #expect(value.current == 200)
    }

    @Test("What is done for one does not wait for another, and what fails ends its turn")
    func keys() async {
        struct Failure: Error {}
        let turn = OneAtATime<Int>()
        await turn.run(for: 1) {
            await #expect(throws: Failure.self) { try await turn.run(for: 2) { throw Failure() } }
            let value = await turn.run(for: 2) { 3 }
            #expect(value == 3)
        }
    }

    @Test("Places are taken in order, whenever their operations come; one that is let go of is nobody's")
    func places() async {
        let turn = OneAtATime<Int>()
        let order = Order()
        let first = turn.place(for: 1)
        var second: OneAtATime<Int>.Place? = turn.place(for: 1)
        let third = turn.place(for: 1)
        // Who has a place alone may never come.
        #expect(turn.waiting(for: 1) == 0)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await turn.run(for: 1, at: third) { order.add(3) } }
            group.addTask { await turn.run(for: 1, at: first) { order.add(1) } }
            while order.numbers.isEmpty || turn.waiting(for: 1) != 1 { await Task.yield() }
            #expect(second != nil && order.numbers == [1])
            second = nil
            await group.waitForAll()
            await turn.run(for: 1, at: first) { order.add(4) }
            await turn.run(for: 2, at: turn.place(for: 1)) { order.add(5) }
        }
        #expect(order.numbers == [1, 3, 4, 5] && turn.waiting(for: 1) == 0)
    }
}

private final class Order: Sendable {
    private let state = Mutex<[Int]>([])
    var numbers: [Int] { state.withLock { $0 } }
    func add(_ number: Int) { state.withLock { $0.append(number) } }
}

private final class Number: Sendable {
    private let state = Mutex(0)
    var current: Int {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
