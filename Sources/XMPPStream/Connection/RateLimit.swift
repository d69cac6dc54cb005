import NIOCore

/// A token bucket: a rate and a burst. Time is an argument.
public struct RateLimit: Sendable {
    private let perSecond: Int64
    private let burst: Int64
    private var available: Int64
    private var refilled: NIODeadline

    /// More than is ever used, and safe to add and subtract.
    private static let most = 1 << 60

    /// - Parameters:
    ///   - perSecond: units (stanzas, bytes) per second; 0: unlimited.
    ///   - burst: units at once.
    public init(perSecond: Int, burst: Int, now: NIODeadline) {
        self.perSecond = Int64(min(max(0, perSecond), 1_000_000_000))
        self.burst = Int64(min(max(1, burst), Self.most))
        available = self.burst
        refilled = now
    }

    /// Takes `count` units. It never refuses: beyond the reserve there is a debt, and the result is the time until it
    /// is paid; nil: none.
    public mutating func take(_ count: Int, now: NIODeadline) -> TimeAmount? {
        guard perSecond > 0 else { return nil }
        let unit = max(1, 1_000_000_000 / perSecond)
        let gained = max(0, (now - refilled).nanoseconds) / unit
        if available + gained >= burst {
            available = burst
            refilled = now
        } else {
            available += gained
            refilled = refilled + .nanoseconds(gained * unit)
        }
        available = max(available - Int64(min(count, Self.most)), -60 * perSecond)
        guard available < 0 else { return nil }
        return .nanoseconds(-available * unit)
    }
}
