import Synchronization
import XMPPServer

/// What is known in memory of an account's offline messages: whether a message may be delivered directly, or would
/// overtake one of them.
///
/// For a message that is delivered directly the check costs one atomic load.
final class Backlog: Sendable {
    enum Phase {
        /// Unknown; a delivery will tell.
        case unknown
        /// Messages are being delivered; new ones are stored behind them.
        case busy
        /// There are none: new ones are delivered directly.
        case none
    }

    private struct State {
        /// The number of messages stored or about to be; nil: not counted.
        var count: Int?
        var phase = Phase.unknown
        /// The number of messages that are not yet durable.
        var submitted = 0
        /// The number of messages ever committed.
        var committed = 0
        var waiting: [CheckedContinuation<Phase, Never>] = []
    }

    private let state = Mutex(State())
    private let nothing = Atomic<Bool>(false)

    /// Whether there are none.
    var isNone: Bool { nothing.load(ordering: .acquiring) }

    /// Whether it is known that none is stored or about to be.
    var isEmpty: Bool { state.withLock { $0.phase == .none && $0.count == 0 } }

    /// The number of stored messages, if known.
    var count: Int? { state.withLock { $0.count } }

    /// Whether somebody waits for the decision whether messages must be delivered first.
    var isAwaited: Bool { state.withLock { !$0.waiting.isEmpty } }

    /// Waits for the decision whether messages must be delivered first.
    ///
    /// - Parameter begin: begins a delivery whose end is noticed here; called only if that has to be waited for.
    func decided(beginning begin: () -> Void) async -> Phase {
        await withCheckedContinuation { continuation in
            let known: Phase? = state.withLock { state in
                if state.phase == .unknown {
                    state.waiting.append(continuation)
                    return nil
                }
                return state.phase
            }
            if let known { continuation.resume(returning: known) } else { begin() }
        }
    }

    // MARK: Keeping

    /// The place of a message that is about to be submitted. Without a call of `end` it is released.
    final class Place: Sendable {
        private let backlog: Backlog
        private let hasEnded = Atomic<Bool>(false)

        fileprivate init(_ backlog: Backlog) { self.backlog = backlog }

        deinit { end(isStored: false) }

        /// The message has been stored, or could not be.
        func end(isStored: Bool) {
            guard !hasEnded.exchange(true, ordering: .relaxed) else { return }
            backlog.added(isStored)
        }
    }

    /// Takes a place for a message that is about to be submitted. nil: there are `maximum` already.
    func place(atMost maximum: Int, counted: Int) -> Place? {
        let isFree = state.withLock { state in
            let count = state.count ?? counted + state.submitted
            guard count < maximum else { return false }
            state.count = count + 1
            state.submitted += 1
            if state.phase == .none { set(.unknown, &state) }
            return true
        }
        return isFree ? Place(self) : nil
    }

    private func added(_ isStored: Bool) {
        state.withLock { state in
            state.submitted -= 1
            if isStored { state.committed += 1 } else { state.count = state.count.map { $0 - 1 } }
        }
    }

    // MARK: Handing over

    /// Read it before the storage, and give it to `foundNone` afterwards.
    var mark: Int { state.withLock { $0.committed } }

    /// There are messages, which must be delivered first.
    func foundSome() { decide(.busy) }

    /// The storage had no more; messages added since `mark` will be delivered as well.
    func foundNone(since mark: Int) {
        let isNone = state.withLock { state in
            guard state.submitted == 0, state.committed == mark else { return false }
            state.count = 0
            set(.none, &state)
            return true
        }
        if isNone { release(.none) }
    }

    /// No session takes messages any more.
    func interrupted() {
        state.withLock { state in
            state.count = nil
            set(.unknown, &state)
        }
        release(.unknown)
    }

    /// The storage cannot be read: new messages are delivered directly, instead of being stored where nobody can read
    /// them.
    func failed() { decide(.none) }

    private func decide(_ phase: Phase) {
        state.withLock { state in
            state.count = nil
            set(phase, &state)
        }
        release(phase)
    }

    private func set(_ phase: Phase, _ state: inout State) {
        state.phase = phase
        nothing.store(phase == .none, ordering: .releasing)
    }

    private func release(_ phase: Phase) {
        let waiting: [CheckedContinuation<Phase, Never>] = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: phase) }
    }
}
