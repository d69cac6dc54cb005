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
}

private final class Number: Sendable {
    private let state = Mutex(0)
    var current: Int {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
