import NIOCore
import Synchronization
import XMPP

/// The changes that one stanza makes in the storage, from the first hook to the acknowledgement.
///
/// All of them are one group, which is submitted when the stanza's processing ends, in the same turn of the loop unless a
/// handler waits. So they are durable as a whole or not at all, together with the sender's count of handled stanzas; the
/// sender's acknowledgement (XEP-0198) waits for them. A stanza that is refused commits nothing. A change that is submitted
/// elsewhere, as a roster keeps the order of its changes, joins the transaction.
///
/// It is used where the stanza is processed, which is one place at a time; only whether its sender has been told is atomic,
/// and read from any thread. Hence `@unchecked Sendable`.
public final class StanzaTransaction: @unchecked Sendable {
    private(set) var changes: [StorageChange] = []
    private(set) var urgency = CommitUrgency.soon
    private var reservations: [ArchiveReservation] = []
    /// The transaction of the stanza that has caused this one: the sender gets one error for both.
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

    /// Whether to send an error to the sender: true once. From any thread.
    func mayRefuse() -> Bool { cause?.mayRefuse() ?? !isRefused.exchange(true, ordering: .relaxed) }
}

extension StanzaContext {
    /// Adds changes to the stanza's transaction; see `StanzaTransaction`.
    ///
    /// - Parameter id: the id of an archive entry among the changes.
    public mutating func commit(
        _ changes: [StorageChange], _ urgency: CommitUrgency = .soon, id: ArchiveReservation? = nil
    ) {
        guard !changes.isEmpty || id != nil else { return }
        let transaction = beginTransaction()
        transaction.add(changes, urgency)
        if let id { transaction.add(id) }
    }

    /// Joins a change that is submitted elsewhere to the transaction: the sender's acknowledgement waits for it, and the
    /// sender gets an error if it fails.
    ///
    /// - Returns: a closure to call once with the outcome, from any thread.
    public func join() -> @Sendable (Result<Void, StorageError>) -> Void { host.router.submitted(self) }
}

extension StanzaRouter {
    /// Ends processing, and submits the stanza's changes. The stanza has been delivered: its sender gets no error if they
    /// fail (decision 0041).
    func commit(_ event: StanzaContext) {
        guard event.transaction?.changes.isEmpty == false else { return }
        submit(event, began(event, holdsAnswers: false))
    }

    /// The same for a stanza that another server has accepted. The group has begun when the stanza crossed.
    func commit(_ event: StanzaContext, continuing group: Waiting?) {
        if event.transaction?.changes.isEmpty == false { submit(event, group) } else { settle(group) }
    }

    private func submit(_ event: StanzaContext, _ group: Waiting?) {
        event.host.storage.submit(changes(of: event), event.transaction?.urgency ?? .soon) { [self] result in
            ended(event, group, event.host.failure(of: result), tellsSender: false)
        }
        event.transaction?.submitted()
    }

    /// Ends a group without changes to submit. On the session's loop.
    func settle(_ group: Waiting?) {
        inFlight.end()
        if let (input, group) = group { input.ended(group, isStored: true) }
    }

    /// Ends processing with an operation that submits the stanza's changes. If it fails the sender gets an error. The sender's
    /// further stanzas that are answered wait for it.
    func keep(_ event: StanzaContext, _ operation: Verdict.Keeping) {
        let group = began(event, holdsAnswers: true)
        let submission = Submission()
        operation(changes(of: event), submission.end) { [self] error in
            submission.end()
            ended(event, group, error)
        }
        event.transaction?.submitted()
        group?.input.wait(for: submission)
    }

    /// A change of the stanza is submitted elsewhere.
    fileprivate func submitted(_ event: StanzaContext) -> @Sendable (Result<Void, StorageError>) -> Void {
        let group = began(event, holdsAnswers: false)
        return { [self] result in ended(event, group, event.host.failure(of: result)) }
    }

    /// The stanza's changes, with the count of handled stanzas.
    private func changes(of event: StanzaContext) -> [StorageChange] {
        let changes = event.transaction?.changes ?? []
        guard let client = event.origin?.client, client.loop.eventLoop.inEventLoop,
            client.input.durability.crossing == 0,
            let count = client.input.durability.countToStore(client.input.handled)
        else { return changes }
        return changes + [count]
    }

    /// A group of a client's stanza, and the input whose acknowledgements wait for it.
    typealias Waiting = (input: SessionInput, group: SessionDurability.Group)

    /// Begins to wait for changes of a stanza; `ended` or `settle` follows.
    ///
    /// - Parameter holdsAnswers: whether the client's further stanzas that are answered wait.
    /// - Returns: nil: no client waits.
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
