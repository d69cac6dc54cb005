import DequeModule

/// Stanzas sent to a peer that have not been acknowledged yet, XEP-0198 §4.
///
/// The peer sends its count of handled stanzas modulo 2³²; here the count does not wrap. A count behind the last one,
/// or ahead of what was written, is refused.
public struct AcknowledgementQueue<Entry> {
    private var entries: Deque<Entry> = []
    /// The number of stanzas that the peer has acknowledged so far.
    public private(set) var acknowledged: UInt64
    /// The number of entries that have been written to the stream.
    public private(set) var written = 0

    /// - Parameter acknowledged: the peer's count so far.
    public init(acknowledged: UInt64 = 0) {
        self.acknowledged = acknowledged
    }

    public var count: Int { entries.count }
    public var isEmpty: Bool { entries.isEmpty }
    /// The number of entries that wait to be written.
    public var unwritten: Int { entries.count - written }
    public var first: Entry? { entries.first }
    /// The number of the last entry.
    public var last: UInt64 { acknowledged + UInt64(entries.count) }

    public subscript(offset: Int) -> Entry {
        get { entries[offset] }
        set { entries[offset] = newValue }
    }

    /// - Returns: the entry's number, which the peer's count reaches when it has handled it.
    @discardableResult
    public mutating func append(_ entry: Entry) -> UInt64 {
        entries.append(entry)
        return last
    }

    /// The next entry, which is about to be written.
    public mutating func writeNext() -> Entry? {
        guard unwritten > 0 else { return nil }
        written += 1
        return entries[written - 1]
    }

    /// The stream is gone: all entries must be written again.
    public mutating func rewind() { written = 0 }

    /// The peer has handled all entries up to `count`.
    ///
    /// - Returns: the acknowledged entries; nil if the count is impossible.
    public mutating func acknowledge(_ count: UInt32) -> [Entry]? {
        let number = Int(count &- UInt32(truncatingIfNeeded: acknowledged))
        guard number <= written else { return nil }
        let removed = Array(entries.prefix(number))
        entries.removeFirst(number)
        acknowledged += UInt64(number)
        written -= number
        return removed
    }

    /// Removes the first entry, if there is one, without acknowledgement.
    public mutating func removeFirst() {
        guard entries.popFirst() != nil else { return }
        acknowledged += 1
        written = max(0, written - 1)
    }

    /// Starts from another count, which the queue did not know. No entry has been written.
    public mutating func restart(at count: UInt64) {
        acknowledged = count
        written = 0
    }
}
