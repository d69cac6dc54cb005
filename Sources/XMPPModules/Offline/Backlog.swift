import Synchronization
import XMPPServer

/// What is known, while an account is in memory, of the messages that are kept for it: whether a message may pass them
/// by, or would overtake one.
///
/// Looking at it costs a message that passes one atomic load.
final class Backlog: Sendable {
    enum Phase {
        /// Nobody has looked, or something was kept since: a hand-over will tell.
        case unknown
        /// Messages are being handed over; what comes now belongs behind them.
        case busy
        /// Nothing is kept: what comes is delivered at once.
        case none
    }

    private struct State {
        var phase = Phase.unknown
        /// How many messages are kept or on their way to the disk; `nil`: nobody has counted.
        var count: Int?
        /// How many are on their way to the disk.
        var submitted = 0
        /// How many have ever arrived there.
        var committed = 0
        var waiting: [CheckedContinuation<Phase, Never>] = []
    }

    private let state = Mutex(State())
    private let nothing = Atomic<Bool>(false)

    /// Whether nothing is kept.
    var isNone: Bool { nothing.load(ordering: .acquiring) }

    /// Whether it is known that nothing is kept or on its way to the disk.
    var isEmpty: Bool { state.withLock { $0.phase == .none && $0.count == 0 } }

    /// How many messages are kept, if that is known.
    var count: Int? { state.withLock { $0.count } }

    /// Whether somebody waits until it is known whether messages have to be handed over first.
    var isAwaited: Bool { state.withLock { !$0.waiting.isEmpty } }

    /// Waits until it is known whether messages have to be handed over first.
    ///
    /// - Parameter begin: begins a hand-over; called when its end will be heard, and only if it has to be waited for.
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

    /// The place of a message that is about to be submitted. It is given back if the message is not, after all.
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

    /// A message is about to be submitted. `nil`: there are `maximum` already.
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

    /// To be read before the storage is, and given to `foundNone` afterwards.
    var mark: Int { state.withLock { $0.committed } }

    /// There are messages, and they come first.
    func foundSome() { decide(.busy) }

    /// The storage had none left, unless some have been added since `mark`: they will be handed over as well.
    func foundNone(since mark: Int) {
        let isNone = state.withLock { state in
            guard state.submitted == 0, state.committed == mark else { return false }
            state.count = 0
            set(.none, &state)
            return true
        }
        if isNone { release(.none) }
    }

    /// Nobody is there any more to take messages.
    func interrupted() {
        state.withLock { state in
            state.count = nil
            set(.unknown, &state)
        }
        release(.unknown)
    }

    /// The storage cannot be read: what comes is delivered, rather than kept where nobody can read it.
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
