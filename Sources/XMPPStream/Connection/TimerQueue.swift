import HeapModule
import NIOCore

/// When the streams of one loop are to be looked at again, in order.
///
/// A stream's times move with every stanza, and most never come. So it has one entry at most that counts, which is put
/// off when it has come too early; that is cheaper than a timer of the loop for each stream, in memory and when it is
/// taken back. Times are arguments.
struct TimerQueue {
    private struct Entry: Comparable {
        let time: NIODeadline
        let stream: ObjectIdentifier
        static func < (left: Entry, right: Entry) -> Bool { left.time < right.time }
    }

    private var entries = Heap<Entry>()

    /// When the next entry is due.
    var next: NIODeadline? { entries.min?.time }

    mutating func add(_ stream: ObjectIdentifier, at time: NIODeadline) {
        entries.insert(Entry(time: time, stream: stream))
    }

    /// Takes out one entry that is due.
    mutating func take(dueAt now: NIODeadline) -> (stream: ObjectIdentifier, time: NIODeadline)? {
        guard let first = entries.min, first.time <= now else { return nil }
        entries.removeMin()
        return (first.stream, first.time)
    }
}
