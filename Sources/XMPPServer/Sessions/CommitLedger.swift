import DequeModule

/// Which commits that a session's stanzas have asked for are still under way.
///
/// Commits end in any order; what counts is up to which one all have.
struct CommitLedger {
    /// Of each commit from `first` on, whether it has ended.
    private var ended: Deque<Bool> = []
    /// All before it have ended.
    private(set) var first = 0

    /// The number that the next commit gets.
    var next: Int { first + ended.count }
    /// Whether none is under way.
    var isSettled: Bool { ended.isEmpty }

    mutating func began() -> Int {
        ended.append(false)
        return next - 1
    }

    mutating func ended(_ number: Int) {
        ended[number - first] = true
        while ended.first == true {
            ended.removeFirst()
            first += 1
        }
    }
}
