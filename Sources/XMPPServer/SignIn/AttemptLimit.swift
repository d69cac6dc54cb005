import Synchronization

/// Counts attempts by a key within a time. Who wants to do something takes a place for it first, in one step with the
/// question whether there is one, so that no number of attempts at the same time gets more than there are. A place may be
/// given back, most often because the attempt was right.
///
/// Holds a bounded number of keys: when there are more, the oldest windows go first. Time is that of ``Host/uptime``,
/// which no change of the wall clock moves.
public final class AttemptLimit<Key: Hashable & Sendable>: Sendable {
    /// A place that was taken.
    public struct Place: Sendable {
        fileprivate let key: Key
        fileprivate let began: Duration
    }

    private struct Window {
        var count: Int
        var began: Duration
    }

    static var capacity: Int { 65_536 }

    private struct State {
        var limit: Int
        var time: Duration
        var windows: [Key: Window] = [:]
    }

    private let state: Mutex<State>

    /// - Parameter limit: places within the time; 0 means any number.
    public init(limit: Int, within time: Duration) { state = Mutex(State(limit: limit, time: time)) }

    /// Counts by another limit from now on. What was taken stays taken.
    func change(limit: Int, within time: Duration) {
        state.withLock { state in
            state.limit = limit
            state.time = time
        }
    }

    /// Takes a place.
    ///
    /// - Parameter now: the uptime.
    /// - Returns: nil if all are taken.
    public func take(_ key: Key, at now: Duration) -> Place? {
        state.withLock { state in
            guard state.limit > 0 else { return Place(key: key, began: .zero) }
            if let window = state.windows[key], now - window.began < state.time {
                guard window.count < state.limit else { return nil }
                state.windows[key]?.count = window.count + 1
                return Place(key: key, began: window.began)
            }
            if state.windows.count >= Self.capacity {
                state.windows = state.windows.filter { [time = state.time] in now - $0.value.began < time }
                if state.windows.count >= Self.capacity { forgetOlderHalf(&state.windows) }
            }
            state.windows[key] = Window(count: 1, began: now)
            return Place(key: key, began: now)
        }
    }

    /// Gives a place back, once. One of a time that is over is worth nothing any more.
    public func giveBack(_ place: Place) {
        state.withLock { state in
            guard let window = state.windows[place.key], window.began == place.began else { return }
            state.windows[place.key] = window.count > 1 ? Window(count: window.count - 1, began: window.began) : nil
        }
    }

    private func forgetOlderHalf(_ windows: inout [Key: Window]) {
        let sorted = windows.values.map(\.began).sorted()
        let median = sorted[sorted.count / 2]
        var spared = windows.count / 2
        windows = windows.filter { _, window in
            guard window.began >= median, spared > 0 else { return false }
            spared -= 1
            return true
        }
    }
}
