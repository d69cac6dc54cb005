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

    /// In the year 2179: ids follow no clock beyond that, so that there are always greater ones.
    private static let latest: Int64 = 3 << 41

    /// The least id that an entry of that moment can have.
    public static func first(at time: Timestamp) -> ArchiveID {
        ArchiveID(rawValue: min(max(time.milliseconds, 0), latest) << countBits)
    }

    /// The moment that the id tells: that of the clock when it was given, or a later one if the clock had told that before.
    public var time: Timestamp { Timestamp(milliseconds: rawValue >> Self.countBits) }

    /// The time of an entry that has this id and is made at that moment.
    ///
    /// Entries that come at once would have times that differ from their order by some milliseconds: to those it is the time
    /// that the id tells. Where the clock went back it is the moment itself.
    public func time(at moment: Timestamp) -> Timestamp {
        (time.milliseconds &- moment.milliseconds).magnitude <= Self.tolerance ? time : moment
    }

    /// In milliseconds.
    private static let tolerance: UInt64 = 1000

    public static func < (one: ArchiveID, other: ArchiveID) -> Bool {
        one.rawValue < other.rawValue
    }
}
