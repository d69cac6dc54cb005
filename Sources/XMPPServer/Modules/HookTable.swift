import XMPP

/// The handlers of one hook point, in order.
final class HookList<Event>: Sendable {
    typealias Handler = @Sendable (inout Event) -> Verdict

    struct Entry: Sendable {
        let phase: HookPhase
        let module: String
        let handler: Handler
    }

    /// The outcome of running the handlers.
    enum Outcome {
        case passed
        case handled(by: String)
        case bounced(StanzaError, by: String)
        case waiting(next: Int, @Sendable () async -> Verdict)
        case keeping(Verdict.Keeping, by: String)
    }

    let entries: [Entry]
    /// The index of the first handler of the phase `fallback`.
    let fallback: Int

    init(_ entries: [Entry]) {
        // Sorted by phase, and by module within a phase.
        self.entries = HookPhase.allCases.flatMap { phase in entries.filter { $0.phase == phase } }
        fallback = self.entries.firstIndex { $0.phase == .fallback } ?? self.entries.count
    }

    /// Runs the handlers from `start` up to but not including `end`.
    @inline(__always)
    func run(_ event: inout Event, from start: Int, to end: Int) -> Outcome {
        var index = start
        while index < end {
            switch entries[index].handler(&event) {
            case .go: break
            case .handled: return .handled(by: entries[index].module)
            case .bounce(let error): return .bounced(error, by: entries[index].module)
            case .wait(let operation): return .waiting(next: index + 1, operation)
            case .keep(let operation): return .keeping(operation, by: entries[index].module)
            }
            index += 1
        }
        return .passed
    }
}

/// All handlers of a host, by hook point.
struct HookTable: Sendable {
    private var lists: [Int: any Sendable] = [:]

    init() {}

    mutating func add<Event>(_ entries: [HookList<Event>.Entry], at point: HookPoint<Event>) {
        let known = (lists[point.index] as? HookList<Event>)?.entries ?? []
        lists[point.index] = HookList(known + entries)
    }

    func list<Event>(_ point: HookPoint<Event>) -> HookList<Event> {
        lists[point.index] as? HookList<Event> ?? HookList([])
    }
}
