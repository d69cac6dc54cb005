import Synchronization
import XMPPServer

/// The clocks of a test, which stand still until they are advanced.
public final class TestClock: Sendable {
    /// 2012-04-26T10:00:00Z.
    public static let start = Timestamp(milliseconds: 1_335_434_400_000)

    private let time = Mutex((wall: start, uptime: Duration.zero))

    /// A clock at `start`.
    public init() {}

    /// The time of the wall clock.
    public var now: Timestamp { time.withLock { $0.wall } }

    /// The uptime.
    public var uptime: Duration { time.withLock { $0.uptime } }

    /// Lets time pass.
    public func advance(by duration: Duration) {
        time.withLock { time in
            time.wall.milliseconds += Int64(duration / .milliseconds(1))
            time.uptime += duration
        }
    }

    /// Sets the wall clock ahead, or back if negative. No time passes.
    public func set(aheadBy duration: Duration) {
        time.withLock { $0.wall.milliseconds += Int64(duration / .milliseconds(1)) }
    }
}
