import Synchronization

/// Limits attempts per key within a time. An attempt takes a place before it is made, so that parallel attempts cannot
/// exceed the limit. A place can be given back, usually because the attempt was successful.
///
/// Holds a bounded number of keys: beyond it the oldest windows are dropped. Time is ``Host/uptime``, which changes of
/// the wall clock do not affect.
public final class AttemptLimit<Key: Hashable & Sendable>: Sendable {
    /// A taken place.
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

    /// - Parameter limit: places within the time; 0: unlimited.
    public init(limit: Int, within time: Duration) { state = Mutex(State(limit: limit, time: time)) }

    /// Changes the limit. Taken places stay taken.
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

    /// Gives a place back; call it once. It has no effect after the place's time is over.
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
