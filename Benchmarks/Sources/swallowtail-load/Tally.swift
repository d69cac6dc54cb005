import Histogram

/// Counts what was sent and what came of it: nothing is taken on trust.
///
/// Each flow numbers its messages from zero. A bit for each number tells whether it has come.
struct Tally {
    private struct Flow {
        var next = 0
        var newest = -1
        var seen: [UInt64] = []
    }

    private var flows: [Flow]
    /// Nanoseconds, to about one per cent.
    private(set) var latency = Self.makeHistogram()

    var sent = 0
    var received = 0
    private(set) var duplicated = 0
    private(set) var reordered = 0
    /// Answers that were errors.
    var errors = 0
    /// Messages of another run, or that nobody of this one sent.
    var stale = 0

    private static let longest: UInt64 = 600_000_000_000

    init(flows: Int) {
        self.flows = Array(repeating: Flow(), count: flows)
    }

    private static func makeHistogram() -> Histogram<UInt32> {
        Histogram(highestTrackableValue: longest, numberOfSignificantValueDigits: .two)
    }

    /// The number of the flow's next message, which counts as sent.
    mutating func next(in flow: Int) -> Int {
        defer { flows[flow].next += 1 }
        sent += 1
        return flows[flow].next
    }

    /// A message has come.
    ///
    /// - Returns: whether it is the first time.
    @discardableResult
    mutating func arrived(_ mark: Mark, at now: UInt64) -> Bool {
        guard mark.flow < flows.count, mark.number < flows[mark.flow].next else {
            stale += 1
            return false
        }
        let word = mark.number >> 6
        let bit = UInt64(1) << UInt64(mark.number & 63)
        if word >= flows[mark.flow].seen.count {
            flows[mark.flow].seen += Array(repeating: 0, count: max(16, word + 1 - flows[mark.flow].seen.count))
        }
        guard flows[mark.flow].seen[word] & bit == 0 else {
            duplicated += 1
            return false
        }
        flows[mark.flow].seen[word] |= bit
        if mark.number < flows[mark.flow].newest {
            reordered += 1
        } else {
            flows[mark.flow].newest = mark.number
        }
        received += 1
        took(now &- min(mark.due, now))
        return true
    }

    /// Something took that many nanoseconds.
    mutating func took(_ nanoseconds: UInt64) {
        latency.record(min(nanoseconds, Self.longest))
    }

    mutating func forgetLatencies() {
        latency = Self.makeHistogram()
    }
}
