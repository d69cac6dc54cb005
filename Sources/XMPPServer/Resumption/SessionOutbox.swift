import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// The stanzas for a client that acknowledges them (XEP-0198) or is inactive: in order, appended from any loop.
///
/// **Overview.** Other sessions have none: their stanzas go straight to the stream. With an outbox every stanza is first
/// appended here, under a lock, and gets its number; then the session's loop writes it. So a sender on any loop knows the
/// number of its message at once, and can commit it together with the message's other changes.
///
/// **Resumption.** The outbox outlives the connection and the session: the session that resumes it takes it over. Stanzas
/// that are still sent to the former session are appended here as well. To take it over, a resumption first prepares it and
/// becomes its taker. It succeeds if no other resumption has prepared it since, and its owner has not begun to leave. Each
/// of these steps is one check and change under the lock.
///
/// **Room.** A batch asks for room before each stanza, and waits until the client has taken earlier ones: so other stanzas
/// do not find the outbox full because of it.
///
/// **Ends.** When the session ends, its owner begins to leave: from then on the outbox cannot be taken over. Its messages
/// are redelivered, oldest first, while other loops may still append. It closes when it is empty.
public final class SessionOutbox: Sendable {
    struct Entry: Sendable {
        let stanza: OutgoingStanza
        /// When it came to this session.
        let time: Timestamp
        /// Whether it is worth redelivering.
        var isMessage: Bool
        /// Its bytes, as they count for the limit.
        var countedBytes: Int

        init(_ stanza: OutgoingStanza, at time: Timestamp, isMessage: Bool) {
            self.stanza = stanza
            self.time = time
            self.isMessage = isMessage
            countedBytes = stanza.bytes.readableBytes
        }

        func stored(_ number: UInt64, isNumbered: Bool) -> UnacknowledgedMessage {
            UnacknowledgedMessage(
                position: Int64(clamping: number), isNumbered: isNumbered, others: stanza.alsoDeliveredTo, time: time,
                stanza: Array(stanza.bytes.readableBytesView))
        }

        /// When it came to the server: to this session, or to one before.
        var sentAt: Timestamp { stanza.time ?? time }
    }

    private struct State {
        var queue = AcknowledgementQueue<Entry>()
        /// The bytes of all entries that count.
        var byteCount = 0
        /// Whether there is an entry that does not count.
        var hasUncounted = false
        var held = InactiveBacklog()
        /// The output of the session that has the outbox now.
        var owner: SessionOutput?
        /// Whether the owner has a stream to write to.
        var isConnected = true
        /// When the owner's connection was lost.
        var disconnectedAt: Timestamp?
        var isDrainScheduled = false
        /// Whether the client acknowledges stanzas. If not, they are dropped once written.
        var acknowledges = false
        /// How its session can be resumed; nil: nothing of it is stored.
        var resumption: Resumption?
        /// The numbers, modulo 2³², of the first entries, which come from the storage. The numbers of later ones are unknown
        /// until the client has told its count. nil: all are known.
        var numbersFromStorage: [UInt32]?
        /// The last resumption that was prepared.
        var taker: Taker?
        var isLeaving = false
        var beingRedelivered: Entry?
        /// If the owner leaves: the numbers of messages that other sessions have got as well, by the hash of their bytes.
        var messageNumbers: [Int: [UInt64]] = [:]
        var isClosed = false
        /// Called when there is room, or the outbox takes nothing any more.
        var waitingForRoom: [@Sendable () -> Void] = []

        /// The offset in the queue of the entry with this number, if it is still there.
        func offset(of number: UInt64) -> Int? {
            guard number > queue.acknowledged, number <= queue.last else { return nil }
            return Int(number - queue.acknowledged - 1)
        }
    }

    /// Identifies one attempt to take the outbox over.
    final class Taker: Sendable {}

    private let state: Mutex<State>
    let limits: ResumptionSettings?
    /// The bytes that may wait for a client that does not acknowledge.
    private let unwrittenBytes: Int

    /// - Parameters:
    ///   - limits: nil: its client cannot acknowledge.
    ///   - unwrittenBytes: how many bytes may wait to be written to a client that does not.
    init(_ limits: ResumptionSettings?, unwrittenBytes: Int, owner: SessionOutput) {
        self.limits = limits
        self.unwrittenBytes = unwrittenBytes
        state = Mutex(State(owner: owner))
    }

    /// The outbox of a stored session.
    ///
    /// - Parameters:
    ///   - host: the session's host: its stamps say when a message came.
    ///   - time: the present time, at which hibernation begins.
    init(
        _ limits: ResumptionSettings, unwrittenBytes: Int, _ resumption: Resumption,
        messages: [UnacknowledgedMessage], of host: Host, at time: Timestamp
    ) {
        self.limits = limits
        self.unwrittenBytes = unwrittenBytes
        var state = State()
        state.acknowledges = true
        state.resumption = resumption
        state.isConnected = false
        state.disconnectedAt = time
        let last = messages.last?.position ?? 0
        state.queue = AcknowledgementQueue(acknowledged: UInt64(max(0, Int(last) - messages.count)))
        var numbers: [UInt32] = []
        for message in messages {
            state.queue.append(
                Entry(OutgoingStanza(stored: message, of: host), at: message.time, isMessage: true))
            state.byteCount += message.stanza.count
            if message.isNumbered { numbers.append(UInt32(truncatingIfNeeded: message.position)) }
        }
        state.numbersFromStorage = numbers
        self.state = Mutex(state)
    }

    // MARK: Settings

    /// Begins to number stanzas.
    ///
    /// - Parameter resumption: how the session can be resumed, if it can; it is stored already.
    /// - Returns: changes that store the messages that wait already.
    func beginCounting(_ resumption: Resumption?) -> [StorageChange] {
        state.withLock { state in
            state.queue.restart(at: 0)
            state.acknowledges = true
            state.resumption = resumption
            return Self.changesThatStoreAll(state)
        }
    }

    /// Changes that store all waiting messages with their numbers.
    private static func changesThatStoreAll(_ state: State) -> [StorageChange] {
        guard let stored = state.resumption?.id else { return [] }
        return (0..<state.queue.count).compactMap { offset in
            let entry = state.queue[offset]
            guard entry.isMessage else { return nil }
            let number = state.queue.acknowledged + UInt64(offset) + 1
            return .appendUnacknowledged(session: stored, entry.stored(number, isNumbered: true))
        }
    }

    var resumption: Resumption? { state.withLock { $0.resumption } }

    var isCounting: Bool { state.withLock { $0.acknowledges } }
    /// Whether the owner has no connection.
    var isHibernating: Bool { state.withLock { !$0.isConnected } }
    /// Since when the owner hibernates; nil: it does not, or is about to end.
    var hibernatesSince: Timestamp? {
        state.withLock { $0.isConnected || $0.isLeaving ? nil : $0.disconnectedAt }
    }
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
    ///   - policy: how it is delivered, if the client is inactive.
    ///   - isAwaited: whether the client waits for it: one such stanza does not count for what may wait for the client,
    ///     however large it is.
    func append(
        _ stanza: OutgoingStanza, at time: Timestamp, policy: InactiveClientPolicy = .now, isAwaited: Bool = false
    ) -> (Appended, writer: SessionOutput?) {
        state.withLock { state in
            guard !state.isClosed else { return (.closed, nil) }
            switch policy {
            case .later(let kind) where !state.held.isFull:
                state.held.put(stanza, kind: kind)
                return (.taken([]), nil)
            case .never:
                return (.taken([]), nil)
            default:
                break
            }
            var changes = Self.release(&state, at: time)
            var entry = Entry(stanza, at: time, isMessage: stanza.kind == .message)
            if isAwaited, !state.hasUncounted {
                state.hasUncounted = true
                entry.countedBytes = 0
            }
            Self.append(entry, &state, &changes)
            let writer = Self.writer(&state)
            return (isOverfull(state, with: entry) ? .overfull(changes) : .taken(changes), writer)
        }
    }

    /// Whether there is too much, with the last entry; that may be as large as it is.
    private func isOverfull(_ state: State, with last: Entry) -> Bool {
        let former = state.byteCount - last.countedBytes
        guard state.acknowledges, let limits else { return former > unwrittenBytes }
        return state.queue.count > limits.stanzas || former > limits.bytes
    }

    // MARK: Room

    /// Whether a batch may send a stanza now. False: `body` is called when there is room, or when the outbox takes nothing
    /// any more; from any thread.
    func hasRoom(else body: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            if hasRoom(state) { return true }
            state.waitingForRoom.append(body)
            return false
        }
    }

    /// Half of the limit is left to other stanzas.
    private func hasRoom(_ state: State) -> Bool {
        if state.isLeaving || state.isClosed { return true }
        guard state.acknowledges, let limits else { return state.byteCount < unwrittenBytes / 2 }
        return state.queue.count < limits.stanzas / 2 && state.byteCount < limits.bytes / 2
    }

    /// Removes and returns the closures that wait for room, if there is some.
    private func takeWaiting(_ state: inout State) -> [@Sendable () -> Void] {
        guard !state.waitingForRoom.isEmpty, hasRoom(state) else { return [] }
        defer { state.waitingForRoom = [] }
        return state.waitingForRoom
    }

    /// Changes the state, and calls the closures that wait for room if there is some then.
    private func makingRoom<Value: Sendable>(_ body: (inout State) -> Value) -> Value {
        let (value, waiting) = state.withLock { state in
            let value = body(&state)
            return (value, takeWaiting(&state))
        }
        for body in waiting { body() }
        return value
    }

    /// Whether the session takes stanzas: it has not ended, and is not about to.
    var isOpen: Bool { state.withLock { !$0.isLeaving && !$0.isClosed } }

    private static func append(_ entry: Entry, _ state: inout State, _ changes: inout [StorageChange]) {
        let number = state.queue.append(entry)
        state.byteCount += entry.countedBytes
        guard entry.isMessage else { return }
        if state.isLeaving { index(entry, number, &state) }
        guard let stored = state.resumption?.id else { return }
        changes.append(
            .appendUnacknowledged(
                session: stored, entry.stored(number, isNumbered: state.numbersFromStorage == nil)))
    }

    /// Appends the stanzas that were held back. They are not worth redelivering.
    private static func release(_ state: inout State, at time: Timestamp) -> [StorageChange] {
        guard !state.held.isEmpty else { return [] }
        var changes: [StorageChange] = []
        for stanza in state.held.takeAll() {
            append(Entry(stanza, at: time, isMessage: false), &state, &changes)
        }
        return changes
    }

    /// The output that has to write, unless it is about to.
    private static func writer(_ state: inout State) -> SessionOutput? {
        guard state.isConnected, !state.isDrainScheduled else { return nil }
        state.isDrainScheduled = true
        return state.owner
    }

    /// The client is active again.
    func release(at time: Timestamp) -> (changes: [StorageChange], writer: SessionOutput?) {
        state.withLock { state in
            let changes = Self.release(&state, at: time)
            return (changes, state.queue.unwritten > 0 ? Self.writer(&state) : nil)
        }
    }

    // MARK: On the owner's loop

    /// What its owner has to write.
    struct Unwritten {
        var stanzas: [ByteBuffer] = []
        /// Whether the client has to be asked how far it has come.
        var asks = false
        /// Whether there is more, to be written when the client has taken these.
        var hasMore = false
    }

    /// What its owner has to write now, in order: as much as goes into so many bytes, and one stanza in any case.
    func takeUnwritten(for session: SessionOutput, room: Int) -> Unwritten {
        makingRoom { state in
            guard state.owner === session, state.isConnected else { return Unwritten() }
            var unwritten = Unwritten()
            unwritten.stanzas.reserveCapacity(state.queue.unwritten)
            var room = room
            var hasMessage = false
            while unwritten.stanzas.isEmpty || room > 0, let entry = state.queue.writeNext() {
                unwritten.stanzas.append(entry.stanza.bytes)
                room -= entry.stanza.bytes.readableBytes
                if entry.isMessage { hasMessage = true }
                if !state.acknowledges { Self.uncount(entry, &state) }
            }
            unwritten.hasMore = state.queue.unwritten > 0
            // The owner comes back by itself if there is more.
            state.isDrainScheduled = unwritten.hasMore
            if state.acknowledges {
                unwritten.asks = hasMessage || isWorthAsking(state)
            } else {
                let written = state.queue.acknowledged + UInt64(state.queue.written)
                _ = state.queue.acknowledge(UInt32(truncatingIfNeeded: written))
            }
            return unwritten
        }
    }

    /// Whether something waits to be written.
    var hasUnwritten: Bool { state.withLock { $0.queue.unwritten > 0 } }

    /// The number of unacknowledged stanzas that is worth a question, even if none is a message.
    private static let manyStanzas = 10

    /// Whether it is worth asking the client for an acknowledgement.
    var isWorthAsking: Bool {
        state.withLock { state in
            isWorthAsking(state) || (0..<state.queue.count).contains { state.queue[$0].isMessage }
        }
    }

    private func isWorthAsking(_ state: State) -> Bool { state.queue.count >= Self.manyStanzas || !hasRoom(state) }

    /// The client has handled all up to `count`. `nil`: it cannot have.
    func acknowledge(_ count: UInt32) -> [StorageChange]? {
        makingRoom { state in
            guard let removed = state.queue.acknowledge(count) else { return nil }
            return Self.forget(removed, &state)
        }
    }

    /// How many stanzas were written to the client, modulo 2³².
    var written: UInt32 { state.withLock { Self.written($0) } }

    private static func written(_ state: State) -> UInt32 {
        UInt32(truncatingIfNeeded: state.queue.acknowledged + UInt64(state.queue.written))
    }

    private static func forget(_ removed: [Entry], _ state: inout State) -> [StorageChange] {
        for entry in removed {
            uncount(entry, &state)
            guard entry.stanza.trace != 0, let owner = state.owner else { continue }
            owner.host.router.trace.record(
                .acknowledged, owner.jid.string, of: entry.stanza.trace, at: owner.host.now())
        }
        guard let stored = state.resumption?.id, removed.contains(where: \.isMessage) else { return [] }
        return [.removeUnacknowledged(session: stored, upTo: Int64(state.queue.acknowledged))]
    }

    // MARK: Resumption

    /// The owner's connection is lost.
    func disconnected(_ session: SessionOutput, at time: Timestamp) {
        let waiting: [@Sendable () -> Void] = state.withLock { state in
            guard state.owner === session else { return [] }
            state.isConnected = false
            state.disconnectedAt = time
            state.isDrainScheduled = false
            // Some batches end without a connection.
            defer { state.waitingForRoom = [] }
            return state.waitingForRoom
        }
        for body in waiting { body() }
    }

    /// The outcome of preparing a resumption.
    enum Preparation {
        /// The changes must be durable before the taker takes over.
        case prepared([StorageChange], Taker)
        /// The client cannot have counted that far: it was sent no more than this.
        case tooHigh(sent: UInt32)
        /// The owner is another one by now, or leaves.
        case over
    }

    /// Prepares a resumption by a client that has counted to `count`: the stanzas that it has are dropped, and all others have
    /// numbers. A former taker cannot take over any more.
    func prepare(_ count: UInt32, of owner: SessionOutput) -> Preparation {
        makingRoom { state in
            guard state.owner === owner, !state.isLeaving, !state.isClosed else { return .over }
            let changes: [StorageChange]
            if let numbers = state.numbersFromStorage {
                changes = Self.number(&state, numbers, from: count)
            } else {
                guard let removed = state.queue.acknowledge(count) else { return .tooHigh(sent: Self.written(state)) }
                changes = Self.forget(removed, &state)
            }
            let taker = Taker()
            state.taker = taker
            return .prepared(changes, taker)
        }
    }

    /// Numbers what comes from the storage, now that it is known how far the client has counted.
    private static func number(_ state: inout State, _ numbers: [UInt32], from count: UInt32) -> [StorageChange] {
        let handled = numbers.prefix { Int32(bitPattern: count &- $0) >= 0 }.count
        for _ in 0..<min(handled, state.queue.count) { removeFirst(&state) }
        state.queue.restart(at: UInt64(count))
        state.numbersFromStorage = nil
        guard let stored = state.resumption?.id else { return [] }
        return [.removeUnacknowledged(session: stored, upTo: .max)] + changesThatStoreAll(state)
    }

    /// Makes another session the owner, which has no connection yet. `false`: somebody else has prepared a resumption
    /// since, or has taken over, or the former owner is about to end.
    func change(owner former: SessionOutput, to session: SessionOutput, by taker: Taker) -> Bool {
        state.withLock { state in
            guard state.owner === former, state.taker === taker, !state.isLeaving, !state.isClosed else { return false }
            state.taker = nil
            state.owner = session
            state.isConnected = false
            state.isDrainScheduled = false
            state.queue.rewind()
            return true
        }
    }

    /// The first owner of what comes from the storage.
    func restored(to session: SessionOutput) { state.withLock { $0.owner = session } }

    /// The session was restored twice, and this outbox is not used.
    func drop() { state.withLock { $0.owner = nil } }

    /// The owner has a stream. Stanzas that were held back are appended, as the client is active.
    func connected(_ session: SessionOutput, at time: Timestamp) -> [StorageChange] {
        state.withLock { state in
            guard state.owner === session else { return [] }
            state.isConnected = true
            return Self.release(&state, at: time)
        }
    }

    // MARK: The end

    /// `false`: the session is not the owner any more, or leaves already.
    func beginToLeave(_ session: SessionOutput) -> Bool {
        makingRoom { state in
            guard state.owner === session, !state.isLeaving else { return false }
            state.isLeaving = true
            state.isConnected = false
            for offset in 0..<state.queue.count {
                Self.index(state.queue[offset], state.queue.acknowledged + UInt64(offset) + 1, &state)
            }
            return true
        }
    }

    var isLeaving: Bool { state.withLock { $0.isLeaving } }

    /// The oldest message that nobody has acknowledged, with the change that forgets it.
    func nextToRedeliver() -> (entry: Entry, changes: [StorageChange])? {
        state.withLock { state in
            Self.dropAllBeforeMessage(&state)
            guard let entry = state.queue.first else { return nil }
            Self.removeFirst(&state)
            state.beingRedelivered = entry
            let last = Int64(clamping: state.queue.acknowledged)
            let changes = state.resumption.map { [StorageChange.removeUnacknowledged(session: $0.id, upTo: last)] }
            return (entry, changes ?? [])
        }
    }

    /// The changes of the last redelivered message have been submitted.
    func redelivered() { state.withLock { $0.beingRedelivered = nil } }

    /// If the owner leaves: the message that is being redelivered, or else the next one; nil: there is none.
    var oldestMessage: Entry? {
        state.withLock { state in
            guard state.beingRedelivered == nil else { return state.beingRedelivered }
            Self.dropAllBeforeMessage(&state)
            return state.queue.first
        }
    }

    /// Only messages are redelivered.
    private static func dropAllBeforeMessage(_ state: inout State) {
        while let entry = state.queue.first, !entry.isMessage { removeFirst(&state) }
    }

    private static func removeFirst(_ state: inout State) {
        if let first = state.queue.first { uncount(first, &state) }
        state.queue.removeFirst()
    }

    private static func uncount(_ entry: Entry, _ state: inout State) {
        state.byteCount -= entry.countedBytes
        if entry.countedBytes == 0 { state.hasUncounted = false }
    }

    private static func index(_ entry: Entry, _ number: UInt64, _ state: inout State) {
        guard entry.isMessage, !entry.stanza.alsoDeliveredTo.isEmpty else { return }
        state.messageNumbers[entry.stanza.bytes.hashValue, default: []].append(number)
    }

    /// Whether a message that another session has got as well waits here, with an owner that leaves.
    func has(_ message: OutgoingStanza) -> Bool { state.withLock { !Self.offsets(of: message, $0).isEmpty } }

    /// Takes out a message that another leaving session redelivers.
    func withdraw(_ message: OutgoingStanza) {
        state.withLock { state in
            for offset in Self.offsets(of: message, state) { state.queue[offset].isMessage = false }
        }
    }

    private static func offsets(of message: OutgoingStanza, _ state: State) -> [Int] {
        state.messageNumbers[message.bytes.hashValue, default: []].compactMap { state.offset(of: $0) }.filter {
            state.queue[$0].isMessage && state.queue[$0].stanza.bytes == message.bytes
        }
    }

    /// Closes the outbox. False: it is not empty.
    func close() -> Bool {
        makingRoom { state in
            guard state.queue.isEmpty else { return false }
            state.isClosed = true
            state.owner = nil
            return true
        }
    }
}

extension OutgoingStanza {
    /// A stored message: its sender and time are read from the stanza.
    fileprivate init(stored message: UnacknowledgedMessage, of host: Host) {
        let bytes = ByteBuffer(bytes: message.stanza)
        let element = host.element(fromOwn: bytes, contentNamespace: .client, "a message that was not acknowledged")
        self.init(
            bytes, .message, from: element?["from"].flatMap { JID($0) },
            time: element.flatMap { StanzaContext.stamp(of: $0, by: host.domain) }, alsoDeliveredTo: message.others)
    }
}
