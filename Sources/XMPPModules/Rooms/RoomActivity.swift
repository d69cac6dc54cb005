import XMPPServer

/// XEP-0502: how many messages are sent in a room in an hour: those of the last day, as far as the room has been in memory.
struct RoomActivity: Sendable {
    private static let hours = 24

    /// The messages of an hour, the present one last.
    private var counts: [Int] = [0]
    /// The hour that the last of them is about, since the server has started.
    private var hour: Int64

    init(at now: Duration) { hour = Self.hour(at: now) }

    private static func hour(at now: Duration) -> Int64 { now.components.seconds / 3600 }

    /// Takes note of a message with a text.
    mutating func sent(at now: Duration) {
        advance(to: now)
        counts[counts.count - 1] += 1
    }

    /// Messages in an hour, with one digit behind the point; nil: it is not known yet.
    mutating func rate(at now: Duration) -> String? {
        advance(to: now)
        guard counts.count > 1 else { return nil }
        let tenths = 10 * counts.dropLast().reduce(0, +) / (counts.count - 1)
        return "\(tenths / 10).\(tenths % 10)"
    }

    private mutating func advance(to now: Duration) {
        let present = Self.hour(at: now)
        guard present > hour else { return }
        let passed = Int(min(present - hour, Int64(Self.hours)))
        counts = (counts + Array(repeating: 0, count: passed)).suffix(Self.hours + 1)
        hour = present
    }
}
