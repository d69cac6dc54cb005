import HeapModule
import NIOCore

/// The times at which the streams of one loop need to be checked, in order.
///
/// A stream's deadlines move with every stanza, and most never come. So each stream has at most one entry that counts,
/// which is renewed if it was too early. That is cheaper than a timer of the loop for each stream. Times are arguments.
struct TimerQueue {
    private struct Entry: Comparable {
        let time: NIODeadline
        let stream: ObjectIdentifier
        static func < (left: Entry, right: Entry) -> Bool { left.time < right.time }
    }

    private var entries = Heap<Entry>()

    /// The time of the first entry.
    var next: NIODeadline? { entries.min?.time }

    mutating func add(_ stream: ObjectIdentifier, at time: NIODeadline) {
        entries.insert(Entry(time: time, stream: stream))
    }

    /// Removes and returns one entry that is due.
    mutating func take(dueAt now: NIODeadline) -> (stream: ObjectIdentifier, time: NIODeadline)? {
        guard let first = entries.min, first.time <= now else { return nil }
        entries.removeMin()
        return (first.stream, first.time)
    }
}
