import XMPP

/// The id of an archived entry, which no other entry has or ever had. Ids grow with time, in all archives together, so that
/// the order of ids is the order of arrival; see `ArchiveIDGenerator`.
public struct ArchiveID: Hashable, Comparable, Sendable {
    /// The number itself: milliseconds since 1970 times 2²⁰, plus a count.
    public let rawValue: Int64

    /// The id with that number.
    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    private static let countBits: Int64 = 20

    /// The least id that an entry of that moment can have.
    public static func first(at time: Timestamp) -> ArchiveID {
        ArchiveID(rawValue: min(max(time.milliseconds, 0), Int64.max >> countBits) << countBits)
    }

    /// The moment that the id tells.
    public var time: Timestamp { Timestamp(milliseconds: rawValue >> Self.countBits) }

    public static func < (one: ArchiveID, other: ArchiveID) -> Bool {
        one.rawValue < other.rawValue
    }
}
