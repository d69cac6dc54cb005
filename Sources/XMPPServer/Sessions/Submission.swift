import Synchronization

/// Whether the changes of a stanza have been given to the storage, where that happens elsewhere, such as on the loop of a
/// room.
final class Submission: Sendable {
    private struct State {
        var isOver = false
        var waiting: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    var isOver: Bool { state.withLock { $0.isOver } }

    /// They have been given, or never will be. Further calls do nothing.
    func end() {
        let waiting = state.withLock { state in
            state.isOver = true
            return exchange(&state.waiting, with: nil)
        }
        waiting?()
    }

    /// Calls `body` when they have been, from any thread.
    func whenOver(_ body: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            if !state.isOver { state.waiting = body }
            return state.isOver
        }
        if isOver { body() }
    }
}
