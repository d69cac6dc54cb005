import Synchronization
import XMPPServer

/// The wall clock of a test: it stands still until it is told to go on.
public final class TestClock: Sendable {
    /// 2012-04-26T10:00:00Z.
    public static let start = Timestamp(milliseconds: 1_335_434_400_000)

    private let time = Mutex(start)

    /// A clock at `start`.
    public init() {}

    /// What it shows.
    public var now: Timestamp { time.withLock { $0 } }

    /// Moves it on.
    public func advance(by duration: Duration) {
        time.withLock { $0.milliseconds += Int64(duration / .milliseconds(1)) }
    }
}
