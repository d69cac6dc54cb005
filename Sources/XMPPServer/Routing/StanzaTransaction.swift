import NIOCore
import Synchronization
import XMPP

/// What one stanza makes durable, from the first hook to the acknowledgement.
///
/// All that a stanza changes is one group, whoever asks for it: it is submitted when the stanza's processing ends, in the
/// same turn of the loop unless a handler waits. So it is durable as a whole or not at all, together with the count of what
/// the sender's session has handled; the sender's acknowledgement (XEP-0198) waits for it. A stanza that is refused commits
/// nothing. What cannot be in that group, as its order is another's to keep (a roster's), joins it.
///
/// It belongs to the stanza's processing, which is in one place at a time; only whether its sender has been told is asked
/// from any thread. Hence `@unchecked Sendable`.
public final class StanzaTransaction: @unchecked Sendable {
    private(set) var changes: [StorageChange] = []
    private(set) var urgency = CommitUrgency.soon
    private var reservations: [ArchiveReservation] = []
    /// The transaction of the stanza that this one is sent because of: their sender gets one error.
    private let cause: StanzaTransaction?
    private let isRefused = Atomic<Bool>(false)

    init(causedBy cause: StanzaTransaction? = nil) { self.cause = cause }

    /// Adds to the group. To be called before processing ends: by a handler, or by what a handler waits for.
    public func add(_ changes: [StorageChange], _ urgency: CommitUrgency = .soon) {
        self.changes += changes
        if urgency == .now { self.urgency = .now }
    }

    /// Adds an entry that has its id already; the id is given back when the group is submitted.
    func add(_ reservation: ArchiveReservation) { reservations.append(reservation) }

    /// The group has been submitted.
    func submitted() {
        for reservation in reservations { reservation.end() }
    }

    /// Whether the sender is to be told that something has failed: of the first failure alone. From any thread.
    func mayRefuse() -> Bool { cause?.mayRefuse() ?? !isRefused.exchange(true, ordering: .relaxed) }
}

extension StanzaContext {
    /// Adds to what the stanza makes durable; see `StanzaTransaction`.
    ///
    /// - Parameter id: whose entry is among the changes.
    public mutating func commit(
        _ changes: [StorageChange], _ urgency: CommitUrgency = .soon, id: ArchiveReservation? = nil
    ) {
        guard !changes.isEmpty || id != nil else { return }
        let transaction = beginTransaction()
        transaction.add(changes, urgency)
        if let id { transaction.add(id) }
    }

    /// Takes a change in that is stored beside the stanza's own group: the sender's acknowledgement waits for it, and its
    /// failure is the stanza's.
    ///
    /// - Returns: to be called once with the outcome, from any thread.
    public func join() -> @Sendable (Result<Void, StorageError>) -> Void { host.router.submitted(self) }
}

extension StanzaRouter {
    /// Processing ends here: submits what the stanza makes durable. Whoever was to get it has it: its sender is not told if
    /// that fails.
    func commit(_ event: StanzaContext) {
        guard event.transaction?.changes.isEmpty == false else { return }
        submit(event, began(event, holdsAnswers: false))
    }

    /// The same of a stanza that another server has accepted: its acknowledgement has waited for that, and waits for the
    /// sender's half now.
    func commit(_ event: StanzaContext, continuing group: Waiting?) {
        if event.transaction?.changes.isEmpty == false { submit(event, group) } else { settle(group) }
    }

    private func submit(_ event: StanzaContext, _ group: Waiting?) {
        event.host.storage.submit(changes(of: event), event.transaction?.urgency ?? .soon) { [self] result in
            ended(event, group, event.host.failure(of: result), tellsSender: false)
        }
        event.transaction?.submitted()
    }

    /// Nothing that has begun is left to wait for. On the session's loop.
    func settle(_ group: Waiting?) {
        inFlight.end()
        if let (input, group) = group { input.ended(group, isStored: true) }
    }

    /// Processing ends here, unless what was begun fails: then its sender is told. What the sender asks is answered after it.
    func keep(_ event: StanzaContext, _ operation: Verdict.Keeping) {
        let group = began(event, holdsAnswers: true)
        operation(changes(of: event)) { [self] error in ended(event, group, error) }
        event.transaction?.submitted()
    }

    /// Somebody else submits a part of what the stanza changes.
    fileprivate func submitted(_ event: StanzaContext) -> @Sendable (Result<Void, StorageError>) -> Void {
        let group = began(event, holdsAnswers: false)
        return { [self] result in ended(event, group, event.host.failure(of: result)) }
    }

    /// What the stanza changes, and that it has been handled.
    private func changes(of event: StanzaContext) -> [StorageChange] {
        let changes = event.transaction?.changes ?? []
        guard let client = event.origin?.client, client.loop.eventLoop.inEventLoop,
            client.input.durability.crossing == 0,
            let count = client.input.durability.countToStore(client.input.handled)
        else { return changes }
        return changes + [count]
    }

    /// Where acknowledgements wait for a group.
    typealias Waiting = (input: SessionInput, group: SessionDurability.Group)

    /// - Returns: nil: a client that neither counts nor has to wait for its answers waits for nothing.
    func began(_ event: StanzaContext, holdsAnswers: Bool) -> Waiting? {
        inFlight.begin()
        guard let session = event.origin?.client, session.loop.eventLoop.inEventLoop,
            holdsAnswers || session.input.durability.counts
        else { return nil }
        return (session.input, session.input.durability.began(holdsAnswers: holdsAnswers))
    }

    /// A group is durable, or could not be stored. From any thread.
    private func ended(_ event: StanzaContext, _ waiting: Waiting?, _ error: StanzaError?, tellsSender: Bool = true) {
        event.record(error == nil ? .stored : .failed)
        inFlight.end()
        let refusal = tellsSender ? error.flatMap { event.transaction?.mayRefuse() == false ? nil : $0 } : nil
        guard refusal != nil || waiting != nil, let loop = event.origin?.loop.eventLoop else { return }
        loop.execute { [self] in
            if let refusal { bounce(event, refusal) }
            if let (input, group) = waiting { input.ended(group, isStored: error == nil) }
        }
    }
}
