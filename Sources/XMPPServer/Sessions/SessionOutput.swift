import DequeModule
import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// What goes to a session's client: straight to its stream, or through an outbox where the client acknowledges what it gets
/// (XEP-0198) or is inactive.
///
/// Stanzas are sent from any loop; all else is on the session's loop. What is not atomic is the loop's alone, or, the
/// outbox, put in place before an atomic says so; hence `@unchecked Sendable`.
public final class SessionOutput: StanzaRecipient, @unchecked Sendable {
    let jid: JID
    let record: AccountRecord
    let host: Host
    let loop: LoopContext

    // On the loop only.
    /// nil: the connection is lost.
    private(set) var stream: StreamConnection?
    /// Runs while the client has not answered how far it has come.
    private var question: Scheduled<Void>?
    /// How many stanzas were written when it was asked.
    private var askedAt: UInt32?
    /// The outbox has more, and the client has to read first.
    private var isOutboxWaiting = false
    /// What is to be sent no faster than the client takes it; see `SessionOutput+Batches.swift`.
    var batches = Deque<Batch>()
    var isSendingBatches = false
    /// What is sent right now belongs to a batch.
    var isSendingOfBatch = false

    // From any loop.
    private var openOutbox: SessionOutbox?
    private let usesOutbox: Atomic<Bool>
    private let isInactiveFlag: Atomic<Bool>
    /// How many stanzas of other loops are on their way through the mailbox.
    private let inFlight = Atomic<Int>(0)
    /// Whether they are counted, from the beginning to the end of the session.
    private let countsInFlight: Bool

    /// - Parameters:
    ///   - outbox: what is taken over from a session that another one goes on with.
    ///   - isInactive: whether its client is inactive.
    init(
        jid: JID, record: AccountRecord, host: Host, loop: LoopContext, outbox: SessionOutbox? = nil,
        isInactive: Bool = false
    ) {
        self.jid = jid
        self.record = record
        self.host = host
        self.loop = loop
        openOutbox = outbox
        usesOutbox = Atomic(outbox != nil)
        isInactiveFlag = Atomic(isInactive)
        countsInFlight = host.resumption != nil
    }

    // MARK: Stanzas

    /// Sends a stanza that is written by `body`. On the session's own loop it is written straight behind what waits for
    /// the client.
    ///
    /// - Parameters:
    ///   - from: whose message it is; nil: it is for this session alone, and goes nowhere else when that ends.
    ///   - time: when a message came, if it has waited.
    ///   - isAwaited: whether the client waits for it: it may be larger than what may wait for the client.
    /// - Returns: what is to be committed with it; so do those below.
    func send(
        _ kind: StanzaKind, _ from: JID?, _ time: Timestamp?, isAwaited: Bool, _ body: (inout XMLWriter) -> Void
    ) -> [StorageChange] {
        let isHere = loop.eventLoop.inEventLoop
        if isHere, outbox == nil {
            stream?.write(isAwaited: isAwaited || isSendingOfBatch, body)
            return []
        }
        var writer = XMLWriter()
        body(&writer)
        let stanza = OutgoingStanza(writer.finish(), kind, from: from, time: time)
        guard isHere || takesDirectly else { return mail(stanza, from: nil) }
        return take(stanza, isAwaited: isAwaited)
    }

    /// Sends a stanza that is on its way.
    ///
    /// - Parameter others: the resources of the account that get it as well.
    func send(_ event: StanzaContext, alsoTo others: [String]) -> [StorageChange] {
        let isHere = loop.eventLoop.inEventLoop
        if isHere, outbox == nil {
            stream?.write(isAwaited: isSendingOfBatch) { event.write(to: &$0) }
            return []
        }
        let stanza = event.outgoing(alsoTo: others)
        guard isHere || takesDirectly else {
            let loop = event.origin?.loop
            return mail(stanza, from: loop?.eventLoop.inEventLoop == true ? loop : nil)
        }
        return take(stanza, event.stanza)
    }

    /// - Parameter sender: the loop that this is called on, if it is known; it batches what goes to other loops.
    private func mail(_ stanza: OutgoingStanza, from sender: LoopContext?) -> [StorageChange] {
        if countsInFlight { inFlight.wrappingAdd(1, ordering: .relaxed) }
        if let sender = sender ?? host.router.loops.current {
            // All that comes from one loop goes the same way, so that nothing overtakes.
            sender.send(stanza, to: self, on: loop)
        } else {
            loop.post(stanza, to: self)
        }
        return []
    }

    public func deliver(_ stanza: OutgoingStanza) {
        host.store(take(stanza))
        if countsInFlight { inFlight.wrappingSubtract(1, ordering: .releasing) }
    }

    /// Takes a stanza, on the session's loop or straight into the outbox.
    ///
    /// - Parameter parsed: the same stanza, where it is at hand.
    private func take(_ stanza: OutgoingStanza, _ parsed: Stanza? = nil, isAwaited: Bool = false) -> [StorageChange] {
        if let outbox { return append(stanza, parsed, to: outbox, isAwaited: isAwaited) }
        if let stream {
            stream.append(stanza.bytes)
        } else {
            host.router.redeliver(stanza, from: self)
        }
        return []
    }

    private func append(
        _ stanza: OutgoingStanza, _ parsed: Stanza?, to outbox: SessionOutbox, isAwaited: Bool
    ) -> [StorageChange] {
        let policy = isInactive ? host.policy(of: stanza, parsed) : .now
        let (appended, writer) = outbox.append(stanza, at: host.now(), policy: policy, isAwaited: isAwaited)
        writer?.writeSoon()
        switch appended {
        case .taken(let changes):
            return changes
        case .overfull(let changes):
            end(outbox.isCounting ? .policyViolation : .resourceConstraint)
            return changes
        case .closed:
            host.router.redeliver(stanza, from: self)
            return []
        }
    }

    /// There is too much for the client: its session ends.
    private func end(_ error: StreamError) {
        record.sessions.first { $0.output === self }?.end(error)
    }

    // MARK: The outbox

    /// The outbox, if all that is sent goes through one. From any loop.
    var outbox: SessionOutbox? { usesOutbox.load(ordering: .acquiring) ? openOutbox : nil }

    /// Whether this loop may put its stanzas there itself: what it has sent before, through the mailbox, has arrived.
    private var takesDirectly: Bool { outbox != nil && countsInFlight && inFlight.load(ordering: .acquiring) == 0 }

    private func opened() -> SessionOutbox {
        if let outbox { return outbox }
        let outbox = SessionOutbox(
            host.resumption, unwrittenBytes: host.configuration.limits.outgoingQueueSize, owner: self)
        openOutbox = outbox
        usesOutbox.store(true, ordering: .releasing)
        return outbox
    }

    /// From now on the client counts what it gets.
    ///
    /// - Parameter resumption: how the session can be resumed, if it can; it is stored already.
    func beginCounting(_ resumption: Resumption?) {
        let outbox = opened()
        // What waits already is not counted.
        writeOutbox()
        host.store(outbox.beginCounting(resumption))
    }

    /// The client has handled that many of its stanzas, modulo 2³².
    ///
    /// - Returns: `nil`, or how many it was sent, if it cannot have handled so many.
    public func acknowledged(_ count: UInt32) -> UInt32? {
        guard let outbox else { return 0 }
        question?.cancel()
        question = nil
        guard let changes = outbox.acknowledge(count) else { return outbox.written }
        host.store(changes)
        // Something has been written since the client was asked.
        if outbox.isWorthAsking, let asked = askedAt, count == asked, outbox.written != asked { ask(outbox) }
        return nil
    }

    /// Writes what the outbox has: at once on the session's loop.
    func writeSoon() {
        if loop.eventLoop.inEventLoop { writeOutbox() } else { loop.eventLoop.execute { self.writeOutbox() } }
    }

    /// Writes what the outbox has, no faster than the client takes it, and asks the client how far it has come when that
    /// is worth it.
    private func writeOutbox() {
        guard let outbox, let stream, !isOutboxWaiting else { return }
        guard stream.room > 0 else { return writeOutboxLater(stream) }
        let unwritten = outbox.takeUnwritten(for: self, room: stream.room)
        for bytes in unwritten.stanzas { stream.append(bytes, isAwaited: true) }
        if unwritten.asks { ask(outbox) }
        if unwritten.hasMore { writeOutboxLater(stream) }
    }

    private func writeOutboxLater(_ stream: StreamConnection) {
        isOutboxWaiting = true
        whenWritten(to: stream) { _ in
            self.isOutboxWaiting = false
            self.writeOutbox()
        }
    }

    /// One question at a time. A client that leaves it unanswered is out of reach.
    private func ask(_ outbox: SessionOutbox) {
        guard question == nil, let stream, let limits = outbox.limits else { return }
        stream.write { $0.element("r", .streamManagement) }
        askedAt = outbox.written
        question = loop.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limits.patience)) {
            self.question = nil
            self.stream?.close(.connectionTimeout)
        }
    }

    // MARK: Inactive clients

    /// Whether the client is inactive: what is not urgent is held back. From any loop.
    var isInactive: Bool { isInactiveFlag.load(ordering: .relaxed) }

    /// Nobody looks at the client any more.
    public func becomeInactive() {
        _ = opened()
        isInactiveFlag.store(true, ordering: .relaxed)
    }

    /// Somebody looks again, at all that was held back.
    public func becomeActive() {
        guard let outbox else { return }
        isInactiveFlag.store(false, ordering: .relaxed)
        let (changes, writer) = outbox.release(at: host.now())
        host.store(changes)
        writer?.writeSoon()
    }

    // MARK: The connection

    /// Whether what is sent waits for a client that is out of reach, or inactive. From any loop.
    var isWaiting: Bool {
        guard let outbox, takesDirectly || loop.eventLoop.inEventLoop else { return false }
        return outbox.isHibernating || isInactive
    }

    /// The client has a stream. What waits is written to it.
    func connected(to stream: StreamConnection) {
        self.stream = stream
        isInactiveFlag.store(false, ordering: .relaxed)
        guard let outbox else { return }
        host.store(outbox.connected(self, at: host.now()))
        writeOutbox()
    }

    /// The stream is gone.
    func disconnected() {
        stream = nil
        question?.cancel()
        question = nil
    }

    // MARK: What is left

    /// Whether another session has got a message as well, and is still there. Of several that leave at once, and have not
    /// left it to another one before, the one with the first resource sees to the message, and takes it from the others.
    ///
    /// - Parameter time: when they got it.
    func leavesToOthers(_ message: OutgoingStanza, at time: Timestamp) -> Bool {
        guard !message.alsoDeliveredTo.isEmpty, let resource = jid.resource else { return false }
        let others = Set(message.alsoDeliveredTo)
        var leaving: [SessionOutbox] = []
        for other in record.sessions where other.output !== self && other.boundAt <= time {
            guard let name = other.jid.resource, others.contains(name) else { continue }
            guard let outbox = other.output.outbox, outbox.isLeaving else { return true }
            guard outbox.has(message) else { continue }
            guard resource < name else { return true }
            leaving.append(outbox)
        }
        for outbox in leaving { outbox.withdraw(message) }
        return false
    }
}
