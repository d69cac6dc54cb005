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

    private let limit: Int
    private let time: Duration
    private let windows = Mutex<[Key: Window]>([:])

    /// - Parameter limit: places within the time; 0 means any number.
    public init(limit: Int, within time: Duration) {
        self.limit = limit
        self.time = time
    }

    /// Takes a place.
    ///
    /// - Parameter now: the uptime.
    /// - Returns: nil if all are taken.
    public func take(_ key: Key, at now: Duration) -> Place? {
        guard limit > 0 else { return Place(key: key, began: .zero) }
        return windows.withLock { windows in
            if let window = windows[key], isOpen(window, now) {
                guard window.count < limit else { return nil }
                windows[key]?.count = window.count + 1
                return Place(key: key, began: window.began)
            }
            if windows.count >= Self.capacity {
                windows = windows.filter { isOpen($0.value, now) }
                if windows.count >= Self.capacity { forgetOlderHalf(&windows) }
            }
            windows[key] = Window(count: 1, began: now)
            return Place(key: key, began: now)
        }
    }

    /// Gives a place back, once. One of a time that is over is worth nothing any more.
    public func giveBack(_ place: Place) {
        guard limit > 0 else { return }
        windows.withLock { windows in
            guard let window = windows[place.key], window.began == place.began else { return }
            windows[place.key] = window.count > 1 ? Window(count: window.count - 1, began: window.began) : nil
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

    private func isOpen(_ window: Window, _ now: Duration) -> Bool { now - window.began < time }
}
