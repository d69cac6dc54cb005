import DequeModule
import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// The output of a session: it writes stanzas to the stream, or to an outbox if the client acknowledges them (XEP-0198) or
/// is inactive.
///
/// Stanzas are sent from any loop; everything else happens on the session's loop. Properties that are not atomic are used
/// on that loop only, but for the outbox, which is set once before an atomic says so; hence `@unchecked Sendable`.
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
    /// How many stanzas were written when the client was asked.
    private var askedAt: UInt32?
    /// Whether the outbox has more, but the client has to read first.
    private var isOutboxWaiting = false
    /// Stanzas that are sent no faster than the client reads; see `SessionOutput+Batches.swift`.
    var batches = Deque<Batch>()
    var isSendingBatches = false
    /// Whether the stanza that is being sent belongs to a batch.
    var isSendingOfBatch = false

    // From any loop.
    private var openOutbox: SessionOutbox?
    /// The number of stanzas from other loops that are in the mailbox.
    private let inFlight = Atomic<Int>(0)
    private let usesOutbox: Atomic<Bool>
    private let isInactiveFlag: Atomic<Bool>
    /// Whether they are counted, for the whole life of the session.
    private let countsInFlight: Bool

    /// - Parameters:
    ///   - outbox: the outbox of the session that this one continues.
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
    ///   - from: a message's sender; nil: it is for this session alone, and is not redelivered when that ends.
    ///   - time: when a message came, if it has waited.
    ///   - isAwaited: whether the client has asked for it: it may then exceed the limit of waiting output.
    /// - Returns: the changes to commit with it, here and below.
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

    /// Sends a stanza that is being routed.
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

    /// - Parameter sender: the current loop, if it is known: it collects the stanzas for other loops.
    private func mail(_ stanza: OutgoingStanza, from sender: LoopContext?) -> [StorageChange] {
        if countsInFlight { inFlight.wrappingAdd(1, ordering: .relaxed) }
        if let sender = sender ?? host.router.loops.current {
            // All stanzas from one loop go the same way, so that none overtakes another.
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

    /// Ends the session, as too much waits for its client.
    private func end(_ error: StreamError) {
        record.sessions.first { $0.output === self }?.end(error)
    }

    // MARK: The outbox

    /// The outbox, if there is one: then all stanzas go through it. From any loop.
    var outbox: SessionOutbox? { usesOutbox.load(ordering: .acquiring) ? openOutbox : nil }

    /// Whether another loop may put stanzas there directly: those that it has sent through the mailbox have arrived.
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
        // Stanzas that wait already are not counted.
        writeOutbox()
        host.store(outbox.beginCounting(resumption))
    }

    /// The client has handled that many of its stanzas, modulo 2³².
    ///
    /// - Returns: nil; or how many it was sent, if they were fewer.
    public func acknowledged(_ count: UInt32) -> UInt32? {
        guard let outbox else { return 0 }
        question?.cancel()
        question = nil
        guard let changes = outbox.acknowledge(count) else { return outbox.written }
        host.store(changes)
        // Stanzas have been written since the client was asked.
        if outbox.isWorthAsking, let asked = askedAt, count == asked, outbox.written != asked { ask(outbox) }
        return nil
    }

    /// Writes the outbox's stanzas: at once on the session's loop.
    func writeSoon() {
        if loop.eventLoop.inEventLoop { writeOutbox() } else { loop.eventLoop.execute { self.writeOutbox() } }
    }

    /// Writes the outbox's stanzas, no faster than the client reads, and asks for an acknowledgement if the outbox says so.
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

    /// Asks for an acknowledgement, once at a time. If the client does not answer, its connection is closed.
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

    /// Whether the client is inactive: stanzas that are not urgent are held back. From any loop.
    var isInactive: Bool { isInactiveFlag.load(ordering: .relaxed) }

    /// Holds back stanzas that are not urgent.
    public func becomeInactive() {
        _ = opened()
        isInactiveFlag.store(true, ordering: .relaxed)
    }

    /// Sends the stanzas that were held back.
    public func becomeActive() {
        guard let outbox else { return }
        isInactiveFlag.store(false, ordering: .relaxed)
        let (changes, writer) = outbox.release(at: host.now())
        host.store(changes)
        writer?.writeSoon()
    }

    // MARK: The connection

    /// Whether stanzas wait for a client without a connection, or an inactive one. From any loop.
    var isWaiting: Bool {
        guard let outbox, takesDirectly || loop.eventLoop.inEventLoop else { return false }
        return outbox.isHibernating || isInactive
    }

    /// Uses a stream, and writes waiting stanzas to it.
    func connected(to stream: StreamConnection) {
        self.stream = stream
        isInactiveFlag.store(false, ordering: .relaxed)
        guard let outbox else { return }
        host.store(outbox.connected(self, at: host.now()))
        writeOutbox()
    }

    /// The stream has ended.
    func disconnected() {
        stream = nil
        question?.cancel()
        question = nil
    }

    // MARK: Redelivery

    /// Whether another session that has got a message as well keeps or redelivers it. Of several that end at once, the one
    /// with the first resource redelivers the message, and takes it out of the others' outboxes.
    ///
    /// - Parameter time: when the sessions got it.
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
