/// The id of an archived entry. Ids grow with time, in all collections together, so that the order of ids is the order
/// of arrival; see `ArchiveIDGenerator`.
public struct ArchiveID: Hashable, Comparable, Sendable {
    /// The number itself: milliseconds since 1970 times 2²⁰, plus a count.
    public let rawValue: Int64

    /// The id with that number.
    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    public static func < (one: ArchiveID, other: ArchiveID) -> Bool {
        one.rawValue < other.rawValue
    }
}
