import XMPP

/// The id of an archived entry. It is never used twice. Ids of all archives together grow with time, so their order is
/// the order of arrival; see `ArchiveIDGenerator`.
public struct ArchiveID: Hashable, Comparable, Sendable {
    /// The number: milliseconds since 1970 times 2²⁰, plus a count.
    public let rawValue: Int64

    /// The id with that number.
    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    private static let countBits: Int64 = 20
    /// How many servers may share a store: the last ten bits of the ids that each gives are its number.
    public static let nodeCount: Int64 = 1 << 10

    /// A time in the year 2179: ids do not follow the clock beyond it, so that greater ids are always left.
    private static let latest: Int64 = 3 << 41

    /// The smallest id that an entry of that time can have.
    public static func first(at time: Timestamp) -> ArchiveID {
        ArchiveID(rawValue: min(max(time.milliseconds, 0), latest) << countBits)
    }

    /// The time in the id: that of the clock when the id was made, or a later one if an earlier id had it.
    public var time: Timestamp { Timestamp(milliseconds: rawValue >> Self.countBits) }

    /// The time to store for an entry with this id that is made at `moment`.
    ///
    /// Entries that arrive together would have times that contradict their order by some milliseconds, so they get the
    /// time in the id. If the clock went back they get `moment`.
    public func time(at moment: Timestamp) -> Timestamp {
        (time.milliseconds &- moment.milliseconds).magnitude <= Self.tolerance ? time : moment
    }

    /// In milliseconds.
    private static let tolerance: UInt64 = 1000

    public static func < (one: ArchiveID, other: ArchiveID) -> Bool {
        one.rawValue < other.rawValue
    }
}
