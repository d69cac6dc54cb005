import DequeModule

/// Stanzas on their way to a peer that counts them, until it has acknowledged them, XEP-0198 §4.
///
/// The peer tells how many it has handled, modulo 2³²; here the count goes on. What it has acknowledged never comes
/// back: a count that is behind the last one, or ahead of what was written, is refused.
public struct AcknowledgementQueue<Entry> {
    private var entries: Deque<Entry> = []
    /// How many stanzas the peer has acknowledged since it began to count.
    public private(set) var acknowledged: UInt64
    /// How many of the entries have been written to the peer's stream.
    public private(set) var written = 0

    /// - Parameter acknowledged: what the peer has counted before.
    public init(acknowledged: UInt64 = 0) {
        self.acknowledged = acknowledged
    }

    public var count: Int { entries.count }
    public var isEmpty: Bool { entries.isEmpty }
    /// How many entries wait to be written.
    public var unwritten: Int { entries.count - written }
    public var first: Entry? { entries.first }
    /// The number of the last entry.
    public var last: UInt64 { acknowledged + UInt64(entries.count) }

    public subscript(offset: Int) -> Entry {
        get { entries[offset] }
        set { entries[offset] = newValue }
    }

    /// - Returns: the entry's number; the peer has handled it when it has counted that far.
    @discardableResult
    public mutating func append(_ entry: Entry) -> UInt64 {
        entries.append(entry)
        return last
    }

    /// The next entry is about to be written.
    public mutating func writeNext() -> Entry? {
        guard unwritten > 0 else { return nil }
        written += 1
        return entries[written - 1]
    }

    /// The stream that they were written to is gone: all have to be written once more.
    public mutating func rewind() { written = 0 }

    /// The peer has handled all up to `count`.
    ///
    /// - Returns: what need not be kept any more; `nil` if the count is not one that the peer can have.
    public mutating func acknowledge(_ count: UInt32) -> [Entry]? {
        let number = Int(count &- UInt32(truncatingIfNeeded: acknowledged))
        guard number <= written else { return nil }
        let removed = Array(entries.prefix(number))
        entries.removeFirst(number)
        acknowledged += UInt64(number)
        written -= number
        return removed
    }

    /// Takes out the first entry, if there is one; nobody will acknowledge it.
    public mutating func removeFirst() {
        guard entries.popFirst() != nil else { return }
        acknowledged += 1
        written = max(0, written - 1)
    }

    /// The peer's count is not the one that the queue knows; from now on it is. None of the entries has been written.
    public mutating func restart(at count: UInt64) {
        acknowledged = count
        written = 0
    }
}
