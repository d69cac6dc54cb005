import Synchronization
import XMPP

/// Counts attempts by a key within a time and says when there were too many. Holds a bounded number of keys: when there
/// are more, the oldest windows go first.
public final class AttemptLimit<Key: Hashable & Sendable>: Sendable {
    private struct Window {
        var count: Int
        var began: Timestamp
    }

    static var capacity: Int { 65_536 }

    private let limit: Int
    private let time: Int64
    private let windows = Mutex<[Key: Window]>([:])

    /// - Parameter limit: attempts within the time; 0 means any number.
    public init(limit: Int, within time: Duration) {
        self.limit = limit
        self.time = Int64(time / .milliseconds(1))
    }

    /// Whether there may be one more.
    public func allows(_ key: Key, now: Timestamp) -> Bool {
        guard limit > 0 else { return true }
        return windows.withLock { windows in
            guard let window = windows[key], isOpen(window, now) else { return true }
            return window.count < limit
        }
    }

    /// Counts one.
    public func count(_ key: Key, now: Timestamp) {
        guard limit > 0 else { return }
        windows.withLock { windows in
            if windows.count >= Self.capacity {
                windows = windows.filter { isOpen($0.value, now) }
                if windows.count >= Self.capacity { forgetOlderHalf(&windows) }
            }
            if let window = windows[key], isOpen(window, now) {
                windows[key]?.count = window.count + 1
            } else {
                windows[key] = Window(count: 1, began: now)
            }
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

    private func isOpen(_ window: Window, _ now: Timestamp) -> Bool {
        now.milliseconds - window.began.milliseconds < time
    }
}
