import Synchronization

/// Counts the stanzas that wait for something, so that the server's end can wait for them.
final class InFlightCounter: Sendable {
    private struct State {
        var underWay = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func begin() { state.withLock { $0.underWay += 1 } }

    func end() {
        let waiting: [CheckedContinuation<Void, Never>] = state.withLock { state in
            state.underWay -= 1
            return state.underWay == 0 ? exchange(&state.waiting, with: []) : []
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Waits until there are none.
    func drained() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.underWay > 0 { state.waiting.append(continuation) }
                return state.underWay == 0
            }
            if isOver { continuation.resume() }
        }
    }
}
