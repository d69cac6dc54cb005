import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// What goes to a client that acknowledges what it gets, or that has said that it does not look: in order, from any loop.
///
/// **Overview.** A session whose client just reads has none; what is sent to it goes straight to its stream. With an
/// outbox every stanza is first put here, under a lock, which gives it its number; the session's loop then writes what has
/// not been written. So a sender on any loop knows at once which number its message has got, and can commit it together
/// with everything else that the message changes.
///
/// **Resumption.** The outbox outlives the connection, and the session: whoever resumes takes it over. Stanzas that are
/// still sent to the former session's object land here as well, behind those before them.
///
/// **Ends.** When the session ends, its owner begins to leave: from then on nobody can take the outbox over; what waits is
/// handed on, oldest first, while others may still append; it closes when nothing is left.
public final class SessionOutbox: Sendable {
    struct Entry: Sendable {
        let stanza: ByteBuffer
        /// When it came to this session; if that was later than it was sent, the stanza has a stamp.
        let time: Timestamp
        /// Whether it is worth handing on.
        var isMessage: Bool
        /// The resources of the account that have got it as well.
        let others: [String]
        /// Where its acknowledgement is noted.
        var mark: TrailMark?

        /// When it came to the server: to this session, or to one before, by the stamp that says so.
        func sentAt(stampedBy host: String) -> Timestamp {
            guard let element = try? Element(ownOutput: stanza, contentNamespace: .client) else { return time }
            return StanzaEvent.stamp(of: element, by: host) ?? time
        }
    }

    private struct State {
        var queue = AcknowledgementQueue<Entry>()
        var byteCount = 0
        var held = HeldBack()
        /// Whose stanzas these are.
        var owner: ClientSession?
        /// Whether the owner has a stream to write to.
        var isConnected = true
        var isDrainScheduled = false
        /// Whether the client acknowledges. If not, what is written is forgotten.
        var acknowledges = false
        /// How its session can be resumed; nil: nothing of it is stored.
        var resumption: Resumption?
        /// With what numbers, modulo 2³², the client counts the first entries, which come from the storage; the numbers
        /// of others are not known before the client has told how far it has counted. Nil: all are known.
        var numbersFromStorage: [UInt32]?
        var isLeaving = false
        var beingHandedOn: Entry?
        var isClosed = false
    }

    private let state: Mutex<State>
    let limits: ResumptionSettings?

    init(_ limits: ResumptionSettings?, owner: ClientSession) {
        self.limits = limits
        state = Mutex(State(owner: owner))
    }

    /// What a session left in the storage.
    init(_ limits: ResumptionSettings, _ resumption: Resumption, messages: [UnacknowledgedMessage]) {
        self.limits = limits
        var state = State()
        state.acknowledges = true
        state.resumption = resumption
        state.isConnected = false
        let last = messages.last?.position ?? 0
        state.queue = AcknowledgementQueue(acknowledged: UInt64(max(0, Int(last) - messages.count)))
        var numbers: [UInt32] = []
        for message in messages {
            let entry = Entry(
                stanza: ByteBuffer(bytes: message.stanza), time: message.time, isMessage: true,
                others: message.others)
            state.queue.append(entry)
            state.byteCount += message.stanza.count
            if message.isNumbered { numbers.append(UInt32(truncatingIfNeeded: message.position)) }
        }
        state.numbersFromStorage = numbers
        self.state = Mutex(state)
    }

    // MARK: Settings

    /// From now on the client counts what it gets.
    ///
    /// - Parameter resumption: how the session can be resumed, if it can; it is stored already.
    func beginCounting(_ resumption: Resumption?) {
        state.withLock { state in
            state.queue.restart(at: 0)
            state.acknowledges = true
            state.resumption = resumption
        }
    }

    var resumption: Resumption? { state.withLock { $0.resumption } }

    var isCounting: Bool { state.withLock { $0.acknowledges } }
    /// Whether the owner's client is out of reach.
    var isHibernating: Bool { state.withLock { !$0.isConnected } }
    /// How many stanzas wait for acknowledgement.
    public var count: Int { state.withLock { $0.queue.count } }
    var hasMessages: Bool {
        state.withLock { state in (0..<state.queue.count).contains { state.queue[$0].isMessage } }
    }

    // MARK: Appending, from any loop

    enum Appended {
        /// The changes are to be committed with the stanza.
        case taken([StorageChange])
        /// There are too many: the session has to end.
        case overfull([StorageChange])
        /// The session is over.
        case closed
    }

    /// - Parameters:
    ///   - urgency: what becomes of it if the client does not look.
    func append(
        _ stanza: ByteBuffer, at time: Timestamp, others: [String] = [], urgency: StanzaUrgency = .now,
        mark: TrailMark? = nil
    ) -> (Appended, writer: ClientSession?) {
        state.withLock { state in
            guard !state.isClosed else { return (.closed, nil) }
            switch urgency {
            case .later(let kind) where !state.held.isFull:
                state.held.put(stanza, kind: kind)
                return (.taken([]), nil)
            case .never:
                return (.taken([]), nil)
            default:
                break
            }
            var changes = Self.release(&state, at: time)
            let entry = Entry(stanza: stanza, time: time, isMessage: stanza.isMessage, others: others, mark: mark)
            Self.append(entry, &state, &changes)
            let writer = Self.writer(&state)
            guard let limits, state.acknowledges, state.queue.count > limits.stanzas || state.byteCount > limits.bytes
            else { return (.taken(changes), writer) }
            return (.overfull(changes), writer)
        }
    }

    private static func append(_ entry: Entry, _ state: inout State, _ changes: inout [StorageChange]) {
        let number = state.queue.append(entry)
        state.byteCount += entry.stanza.readableBytes
        guard entry.isMessage, let stored = state.resumption?.id else { return }
        let message = UnacknowledgedMessage(
            position: Int64(number), isNumbered: state.numbersFromStorage == nil, others: entry.others,
            time: entry.time,
            stanza: Array(entry.stanza.readableBytesView))
        changes.append(.appendUnacknowledged(session: stored, message))
    }

    /// Puts what was held back behind what is there. It is worth nothing to anybody else.
    private static func release(_ state: inout State, at time: Timestamp) -> [StorageChange] {
        guard !state.held.isEmpty else { return [] }
        var changes: [StorageChange] = []
        for stanza in state.held.takeAll() {
            append(Entry(stanza: stanza, time: time, isMessage: false, others: []), &state, &changes)
        }
        return changes
    }

    /// The session that has to write, unless it will anyway.
    private static func writer(_ state: inout State) -> ClientSession? {
        guard state.isConnected, !state.isDrainScheduled else { return nil }
        state.isDrainScheduled = true
        return state.owner
    }

    /// The client looks again.
    func release(at time: Timestamp) -> (changes: [StorageChange], writer: ClientSession?) {
        state.withLock { state in
            let changes = Self.release(&state, at: time)
            return (changes, state.queue.unwritten > 0 ? Self.writer(&state) : nil)
        }
    }

    // MARK: On the owner's loop

    /// What its owner has to write now, in order.
    ///
    /// - Returns: also whether the client has to be asked how far it has come.
    func takeUnwritten(for session: ClientSession) -> (stanzas: [ByteBuffer], asks: Bool) {
        state.withLock { state in
            guard state.owner === session, state.isConnected else { return ([], false) }
            state.isDrainScheduled = false
            var stanzas: [ByteBuffer] = []
            stanzas.reserveCapacity(state.queue.unwritten)
            var hasMessage = false
            while let entry = state.queue.writeNext() {
                stanzas.append(entry.stanza)
                if entry.isMessage { hasMessage = true }
            }
            if !state.acknowledges {
                _ = state.queue.acknowledge(UInt32(truncatingIfNeeded: state.queue.last))
                state.byteCount = 0
                return (stanzas, false)
            }
            return (stanzas, hasMessage || state.queue.count >= Self.manyStanzas)
        }
    }

    /// So many stanzas wait for acknowledgement that it is worth a question, even if none is a message.
    private static let manyStanzas = 10

    /// Whether there is something to ask the client about.
    var isWorthAsking: Bool {
        state.withLock { state in
            state.queue.count >= Self.manyStanzas
                || (0..<state.queue.count).contains { state.queue[$0].isMessage }
        }
    }

    /// The client has handled all up to `count`. `nil`: it cannot have.
    func acknowledge(_ count: UInt32) -> [StorageChange]? {
        state.withLock { state in
            guard let removed = state.queue.acknowledge(count) else { return nil }
            return Self.forget(removed, &state)
        }
    }

    /// How many stanzas were written to the client, modulo 2³².
    var written: UInt32 {
        state.withLock { UInt32(truncatingIfNeeded: $0.queue.acknowledged + UInt64($0.queue.written)) }
    }

    private static func forget(_ removed: [Entry], _ state: inout State) -> [StorageChange] {
        let client = state.owner?.jid.string ?? ""
        for entry in removed {
            state.byteCount -= entry.stanza.readableBytes
            entry.mark?.note(.acknowledged, client)
        }
        guard let stored = state.resumption?.id, removed.contains(where: \.isMessage) else { return [] }
        return [.removeUnacknowledged(session: stored, upTo: Int64(state.queue.acknowledged))]
    }

    // MARK: Resumption

    /// The owner's connection is lost.
    func disconnected(_ session: ClientSession) {
        state.withLock { state in
            guard state.owner === session else { return }
            state.isConnected = false
            state.isDrainScheduled = false
        }
    }

    /// Prepares a resumption by a client that has counted to `count`: what it has is forgotten, and all that it has not
    /// has its number.
    ///
    /// - Returns: what has to be durable before anything is written; `nil` if the client cannot have counted that far.
    func prepare(_ count: UInt32) -> [StorageChange]? {
        state.withLock { state in
            guard let numbers = state.numbersFromStorage else {
                return state.queue.acknowledge(count).map { Self.forget($0, &state) }
            }
            let handled = numbers.prefix { Int32(bitPattern: count &- $0) >= 0 }.count
            for _ in 0..<handled {
                state.byteCount -= state.queue.first?.stanza.readableBytes ?? 0
                state.queue.removeFirst()
            }
            state.queue.restart(at: UInt64(count))
            state.numbersFromStorage = nil
            guard let stored = state.resumption?.id else { return [] }
            var changes: [StorageChange] = [.removeUnacknowledged(session: stored, upTo: .max)]
            for offset in 0..<state.queue.count {
                let entry = state.queue[offset]
                let message = UnacknowledgedMessage(
                    position: Int64(count) + Int64(offset) + 1, isNumbered: true, others: entry.others,
                    time: entry.time, stanza: Array(entry.stanza.readableBytesView))
                if entry.isMessage { changes.append(.appendUnacknowledged(session: stored, message)) }
            }
            return changes
        }
    }

    /// Makes another session the owner, which has no connection yet. `false`: the former one is not it any more, or is
    /// about to end.
    func change(owner former: ClientSession, to session: ClientSession) -> Bool {
        state.withLock { state in
            guard state.owner === former, !state.isLeaving, !state.isClosed else { return false }
            state.owner = session
            state.isConnected = false
            state.queue.rewind()
            return true
        }
    }

    /// The first owner of what comes from the storage.
    func restored(to session: ClientSession) { state.withLock { $0.owner = session } }

    /// It was read twice: this one counts for nothing.
    func drop() { state.withLock { $0.owner = nil } }

    /// The owner has a stream. Whatever waits is to be written to it, and what was held back, for the client looks now.
    func connected(_ session: ClientSession, at time: Timestamp) -> [StorageChange] {
        state.withLock { state in
            guard state.owner === session else { return [] }
            state.isConnected = true
            return Self.release(&state, at: time)
        }
    }

    // MARK: The end

    /// `false`: the session is not the owner any more, or leaves already.
    func beginToLeave(_ session: ClientSession) -> Bool {
        state.withLock { state in
            guard state.owner === session, !state.isLeaving else { return false }
            state.isLeaving = true
            state.isConnected = false
            return true
        }
    }

    var isLeaving: Bool { state.withLock { $0.isLeaving } }

    /// The oldest message that nobody has acknowledged, with the change that forgets it.
    func nextToHandOn() -> (entry: Entry, changes: [StorageChange])? {
        state.withLock { state in
            while let entry = state.queue.first {
                state.byteCount -= entry.stanza.readableBytes
                state.queue.removeFirst()
                guard entry.isMessage else { continue }
                state.beingHandedOn = entry
                let last = Int64(state.queue.acknowledged)
                let changes = state.resumption.map { [StorageChange.removeUnacknowledged(session: $0.id, upTo: last)] }
                return (entry, changes ?? [])
            }
            return nil
        }
    }

    /// What was taken out last has been submitted.
    func handedOn() { state.withLock { $0.beingHandedOn = nil } }

    /// The message that is handed on, or is to be next; nil: there is none.
    var oldestMessage: Entry? {
        state.withLock { state in
            if let entry = state.beingHandedOn { return entry }
            return (0..<state.queue.count).first { state.queue[$0].isMessage }.map { state.queue[$0] }
        }
    }

    /// Whether a message that another session has got as well waits here.
    func has(_ message: Entry) -> Bool {
        state.withLock { state in
            (0..<state.queue.count).contains { state.queue[$0].isMessage && state.queue[$0].stanza == message.stanza }
        }
    }

    /// Takes a message out that another session that leaves, too, sees to.
    func withdraw(_ message: Entry) {
        state.withLock { state in
            guard state.isLeaving else { return }
            for offset in 0..<state.queue.count where state.queue[offset].stanza == message.stanza {
                state.queue[offset].isMessage = false
            }
        }
    }

    /// Takes nothing any more. `false`: something has come that is to be handed on first.
    func close() -> Bool {
        state.withLock { state in
            guard state.queue.isEmpty else { return false }
            state.isClosed = true
            state.owner = nil
            return true
        }
    }
}

extension ByteBuffer {
    /// Whether the stanza is a message; as the server writes them.
    fileprivate var isMessage: Bool { readableBytesView.starts(with: "<message".utf8) }
}
