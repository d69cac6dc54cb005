import DequeModule
import XMPP
import XMPPStream

/// The groups of changes of a session's stanzas that are not durable yet, and the work that waits for them, in order. On
/// the session's loop.
///
/// Groups end in any order. Work goes on when all groups submitted before it have ended.
struct SessionDurability {
    /// A group of changes that is under way.
    struct Group: Sendable {
        fileprivate let number: Int
        fileprivate let holdsAnswers: Bool
    }

    /// The number of groups that hold answers from which messages wait as well.
    static let maximumHolding = 1_000

    /// Of each group from `first` on, whether it has ended.
    private var ended: Deque<Bool> = []
    /// All before it have ended.
    private var first = 0
    /// The work that waits until all groups before a number have ended.
    private var waiting: Deque<(number: Int, body: () -> Void)> = []
    /// The groups under way that hold answers.
    private var holding = 0
    /// The client's stanzas that other servers have not accepted yet: the stored count does not go past them.
    var crossing = 0

    /// How many of the client's stanzas have been handled, modulo 2³², since it began to count.
    var handled: UInt32 = 0
    /// Whether the client counts, too.
    private(set) var counts = false
    /// The number of the stored session that the count belongs to; nil: it is not stored.
    private var session: Int64?
    /// The count that has been given to the storage; nil: unknown.
    private var storedCount: UInt32?

    init() {}

    /// - Parameter handled: the count of a session that goes on, which is stored.
    init(handled: UInt32, _ resumption: Resumption?) { count(from: handled, resumption) }

    // MARK: Groups

    /// Whether no group is under way.
    var isSettled: Bool { ended.isEmpty }

    /// A group is about to be submitted. Others may follow it.
    ///
    /// - Parameter holdsAnswers: nothing that is answered may follow before it has ended.
    mutating func began(holdsAnswers: Bool) -> Group {
        defer { ended.append(false) }
        if holdsAnswers { holding += 1 }
        return Group(number: first + ended.count, holdsAnswers: holdsAnswers)
    }

    /// A group is durable, or has failed. `next` takes the work that can go on.
    mutating func ended(_ group: Group, isStored: Bool) {
        ended[group.number - first] = true
        if group.holdsAnswers { holding -= 1 }
        if !isStored { storedCount = nil }
        while ended.first == true {
            ended.removeFirst()
            first += 1
        }
    }

    // MARK: Waiting

    /// Whether a stanza of the client has to wait until everything is durable: an answer tells the client that the stanzas
    /// before it were taken. Messages have none, and need not wait for each other.
    func holds(_ kind: StanzaKind) -> Bool {
        holding > 0 && (kind != .message || holding >= Self.maximumHolding)
    }

    /// Lets `body` wait until all groups that are under way now have ended.
    mutating func wait(_ body: @escaping () -> Void) { waiting.append((first + ended.count, body)) }

    /// The work that has waited longest, if it need not wait any more.
    mutating func next() -> (() -> Void)? {
        guard let next = waiting.first, next.number <= first else { return nil }
        waiting.removeFirst()
        return next.body
    }

    // MARK: The count

    /// The client counts from now on.
    ///
    /// - Parameter resumption: of the stored session, if there is one.
    mutating func count(from handled: UInt32, _ resumption: Resumption?) {
        self.handled = handled
        storedCount = handled
        counts = true
        session = resumption?.id
    }

    /// The change that stores a count; nil: it is stored already, or need not be. A stanza's changes and its count are
    /// committed together.
    mutating func countToStore(_ count: UInt32) -> StorageChange? {
        guard let session, exchange(&storedCount, with: count) != count else { return nil }
        return .setHandled(session: session, count)
    }

    /// A count that was to be stored could not be.
    mutating func countFailed() { storedCount = nil }
}
