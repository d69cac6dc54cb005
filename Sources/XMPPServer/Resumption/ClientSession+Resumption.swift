import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// A session whose client acknowledges what it gets, XEP-0198, and its life without a connection. On the session's loop.
///
/// A session *hibernates* while its client is out of reach: it stays in its account's table, as available as it was, and
/// what comes for it waits in its outbox. It has no stream and no task then, only a timer.
extension ClientSession {
    /// How the session can be resumed; nil: it cannot. From any loop.
    public var resumption: Resumption? { openedOutbox?.resumption }

    /// Whether the client acknowledges what it gets. From any loop.
    public var isAcknowledging: Bool { openedOutbox?.isCounting ?? false }

    /// From now on both sides count.
    ///
    /// - Parameter time: how long the session may be without a connection; nil: it ends with its connection.
    public func beginAcknowledging(resumableFor time: Duration?) {
        let outbox = openOutbox()
        writeOutbox()
        durability.restartCount()
        let resumption = time.map { Resumption.random(time: $0) }
        if let resumption { host.store([.putSession(stored(resumption))]) }
        let changes = outbox.beginCounting(resumption)
        host.store(changes)
    }

    // MARK: What the client has handled

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
        if outbox.isWorthAsking, let asked = askedAt, count == asked, outbox.written != asked { ask() }
        return nil
    }

    /// Writes what the outbox has, no faster than the client takes it, and asks the client how far it has come when that
    /// is worth it.
    func writeOutbox() {
        guard let outbox, let stream, !isOutboxWaiting else { return }
        guard stream.room > 0 else { return writeOutboxLater(stream) }
        let unwritten = outbox.takeUnwritten(for: self, room: stream.room)
        for stanza in unwritten.stanzas { stream.append(stanza, isAwaited: true) }
        if unwritten.asks { ask() }
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
    private func ask() {
        guard question == nil, let stream, let outbox, let limits = outbox.limits else { return }
        stream.write { $0.element("r", .streamManagement) }
        askedAt = outbox.written
        question = loop.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limits.patience)) {
            self.question = nil
            self.stream?.close(.connectionTimeout)
        }
    }

    // MARK: What the server has handled

    /// How many of the client's stanzas have been handled, modulo 2³².
    public var handled: UInt32 { durability.handled }

    /// Tells the client how many of its stanzas have been handled, once all that they have changed is durable. Questions
    /// that come meanwhile are answered by one more answer.
    public func answerCount() {
        guard !isAnswering else {
            mustAnswerAgain = true
            return
        }
        isAnswering = true
        let count = handled
        whenDurable {
            guard let change = self.countToStore(count) else { return self.answer(count) }
            self.host.storage.submit([change], .now) { result in
                self.loop.eventLoop.execute {
                    if case .failure(let error) = result {
                        _ = self.host.report(error)
                        self.durability.countFailed()
                        self.isAnswering = false
                    } else {
                        self.answer(count)
                    }
                }
            }
        }
    }

    private func answer(_ count: UInt32) {
        stream?.write { $0.element("a", .streamManagement, ["h": String(count)]) }
        isAnswering = false
        guard mustAnswerAgain else { return }
        mustAnswerAgain = false
        answerCount()
    }

    /// The client has closed its stream in good order: what it sent last is acknowledged if it is durable already.
    public func streamCloses() {
        guard isAcknowledging, durability.isSettled else { return }
        stream?.write { $0.element("a", .streamManagement, ["h": String(handled)]) }
    }

    /// The change that stores how many of the client's stanzas have been handled, if it has to be stored: what a stanza
    /// changes and its count are committed together.
    func countToStore(_ count: UInt32? = nil) -> StorageChange? {
        let count = count ?? handled
        guard let resumption, durability.takeToStore(count) else { return nil }
        return .setHandled(session: resumption.id, count)
    }

    /// How many stanzas of the client have been handled, modulo 2³².
    public var handledCount: UInt32 { handled }

    // MARK: Whether the client looks

    /// Nobody looks at the client: what is not urgent is held back.
    public func becomeInactive() {
        _ = openOutbox()
        set(.isInactive, true)
    }

    /// Somebody looks again, at all that was held back.
    public func becomeActive() {
        guard let outbox = openedOutbox else { return }
        set(.isInactive, false)
        let (changes, writer) = outbox.release(at: host.now())
        host.store(changes)
        writer?.writeSoon()
    }

    // MARK: The stored session

    /// Stores what has changed of a session that can be resumed. From any loop.
    func storeState() {
        // A session that ends is gone from the storage, and must not come back.
        guard let outbox = openedOutbox, !outbox.isLeaving, let resumption = outbox.resumption else { return }
        host.store([.putSession(stored(resumption))])
    }

    private func stored(_ resumption: Resumption) -> StoredSession {
        StoredSession(
            id: resumption.id, jid: jid, secret: resumption.secret, boundAt: boundAt, time: resumption.time,
            token: token, rights: rights, userAgent: userAgent?.id, handled: 0,
            presence: presence.map { presence in
                var writer = XMLWriter(contentNamespace: .none)
                writer.copy(presence)
                return Array(writer.finish().readableBytesView)
            },
            flags: flagNamesSet)
    }

    // MARK: Without a connection

    func hibernate() {
        stream = nil
        question?.cancel()
        question = nil
        outbox?.disconnected(self, at: host.now())
        startTimer()
        whenAtRest {
            guard let change = self.countToStore() else { return }
            self.host.store([change])
        }
    }

    func startTimer() {
        guard timer == nil, let resumption else { return }
        timer = loop.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(resumption.time)) {
            self.timer = nil
            guard !self.host.router.isStopping.load(ordering: .relaxed) else { return }
            self.conclude(.lost)
        }
    }

    /// The session has been brought back from the storage, and is found from now on. From anywhere.
    func wasRestored() {
        loop.eventLoop.execute { self.startTimer() }
        var event = SessionEvent(session: self, host: host)
        host.fire(Hooks.sessionRestored, &event)
    }

    /// Another look-up of the account was faster, and has brought it back, too.
    func wasNotRestored() { outbox?.drop() }

    /// Somebody resumes the session: ends its stream, if it still has one, and waits until everything that has come on it
    /// is done and durable. From anywhere.
    ///
    /// - Returns: how many of the client's stanzas have been handled; nil: the session is over.
    func detachForResumption() async -> UInt32? {
        await withCheckedContinuation { continuation in
            loop.eventLoop.execute {
                guard !self.isOver, let outbox = self.outbox, !outbox.isLeaving else {
                    return continuation.resume(returning: nil)
                }
                if let stream = self.stream {
                    self.hibernate()
                    stream.close(.conflict)
                }
                self.whenAtRest { continuation.resume(returning: self.handled) }
            }
        }
    }

    /// Another session has taken the place of this one; whatever still comes to it goes there.
    func wasReplaced() {
        isOver = true
        timer?.cancel()
        timer = nil
    }

    /// The session that took another one's place has its stream, and the client knows.
    public func connect(to stream: ClientStream) {
        // Another client may have bound the resource just now.
        guard !isOver, !isLeaving else { return stream.close(.conflict) }
        timer?.cancel()
        timer = nil
        self.stream = stream.connection
        set(.isInactive, false)
        guard let outbox else { return }
        let changes = outbox.connected(self, at: host.now())
        host.store(changes)
        writeOutbox()
        var event = SessionEvent(session: self, host: host)
        host.fire(Hooks.sessionResumed, &event)
    }

    // MARK: The end

    /// Ends the session with a stream error.
    func finish(_ error: StreamError?) {
        if let stream { stream.close(error) } else if !isOver { conclude(error.map { .error($0) } ?? .closed) }
    }

    /// The session ends, and does not come back. What its client has not acknowledged goes elsewhere first; then it is
    /// unavailable.
    func conclude(_ reason: StreamEnd) {
        guard !isOver else { return }
        stream = nil
        question?.cancel()
        timer?.cancel()
        (question, timer) = (nil, nil)
        guard let outbox else {
            record.remove(self)
            return ended(reason)
        }
        guard outbox.beginToLeave(self) else { return }
        host.router.inFlight.begin()
        redeliver(reason, outbox, isInTable: true)
    }

    private func redeliver(_ reason: StreamEnd, _ outbox: SessionOutbox, isInTable: Bool) {
        let order = record[AccountRecord.redeliveryOrder]
        while true {
            if isInTable, let place = place(of: outbox.oldestMessage) {
                let isTurn = order.isTurn(of: self, at: place) {
                    self.loop.eventLoop.execute { self.redeliver(reason, outbox, isInTable: true) }
                }
                guard isTurn else { return }
            }
            if let (entry, changes) = outbox.nextToRedeliver() {
                return host.router.redeliver(entry, changes, from: self) {
                    outbox.redelivered()
                    self.loop.eventLoop.execute { self.redeliver(reason, outbox, isInTable: isInTable) }
                }
            }
            if isInTable {
                // From now on nobody finds it; who has found it before may still have something for it. What others leave
                // comes before the word that it is gone.
                record.remove(self)
                order.ended(self)
                return loop.eventLoop.execute { self.redeliver(reason, outbox, isInTable: false) }
            } else if outbox.close() {
                break
            }
        }
        let resumption = outbox.resumption
        if let resumption {
            host.remember(resumption, handled: handled)
            host.store([.removeSession(resumption.id)])
        }
        ended(reason)
        host.router.inFlight.end()
    }

    /// Where a message stands among those of other sessions that leave, too.
    private func place(of message: SessionOutbox.Entry?) -> RedeliveryOrder.Place? {
        message.map { .init(time: $0.sentAt(stampedBy: host.domain), resource: jid.resource ?? "") }
    }

    /// Whether another session has got a message as well, and is still there. Of several that leave at once, and have not
    /// left it to another one before, the one with the first resource sees to the message, and takes it from the others.
    func leavesToOthers(_ message: SessionOutbox.Entry) -> Bool {
        guard !message.others.isEmpty, let resource = jid.resource else { return false }
        let others = Set(message.others)
        var leaving: [SessionOutbox] = []
        for other in record.sessions where other !== self && other.boundAt <= message.time {
            guard let name = other.jid.resource, others.contains(name) else { continue }
            guard let outbox = other.openedOutbox, outbox.isLeaving else { return true }
            guard outbox.has(message) else { continue }
            guard resource < name else { return true }
            leaving.append(outbox)
        }
        for outbox in leaving { outbox.withdraw(message) }
        return false
    }
}

extension ClientSession.Flag {
    /// The client does not look, XEP-0352: what is not urgent is held back.
    public static let isInactive = ClientSession.Flag("client inactive")
}

extension StreamEnd {
    /// Whether the client may come back and go on.
    var leavesSession: Bool {
        switch self {
        case .closed: false
        case .lost: true
        case .error(let error):
            [.connectionTimeout, .systemShutdown, .resourceConstraint, .internalServerError].contains(error.condition)
        }
    }
}
