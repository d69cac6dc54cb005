import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// The life of a session, with a connection and without. On the session's loop.
///
/// A session *hibernates* while its client is out of reach: it stays in its account's table, as available as it was, and
/// what comes for it waits in its outbox. It has no stream and no task then, only a timer.
extension ClientSession {
    /// How the session can be resumed; nil: it cannot. From any loop.
    public var resumption: Resumption? { output.outbox?.resumption }

    /// Whether the client acknowledges what it gets. From any loop.
    public var isAcknowledging: Bool { output.outbox?.isCounting ?? false }

    /// Since when the session has been without a connection; nil: it has one, or is about to end. From any loop.
    public var hibernatesSince: Timestamp? { output.outbox?.hibernatesSince }

    /// Whether the session is about to end: it takes nothing new. From any loop.
    public var isLeaving: Bool { output.outbox?.isLeaving ?? false }

    /// Whether the client is inactive: what is not urgent is held back. From any loop.
    public var isInactive: Bool { output.isInactive }

    /// From now on both sides count.
    ///
    /// - Parameter time: how long the session may be without a connection; nil: it ends with its connection.
    public func beginAcknowledging(resumableFor time: Duration?) {
        let resumption = time.map { Resumption.random(time: $0) }
        if let resumption { host.store([.putSession(stored(resumption))]) }
        input.durability.count(from: 0, resumption)
        output.beginCounting(resumption)
    }

    /// Nobody looks at the client: what is not urgent is held back.
    public func becomeInactive() {
        output.becomeInactive()
        storeState()
    }

    /// Somebody looks again, at all that was held back.
    public func becomeActive() {
        output.becomeActive()
        storeState()
    }

    // MARK: The stored session

    /// Stores what has changed of a session that can be resumed. From any loop.
    func storeState() {
        // A session that ends is gone from the storage, and must not come back.
        guard let outbox = output.outbox, !outbox.isLeaving, let resumption = outbox.resumption else { return }
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
            flags: flagNamesSet + (output.isInactive ? [SessionState.inactive] : []))
    }

    // MARK: With a connection

    /// The client has a stream, and may send.
    func connected(to stream: StreamConnection) {
        address = IPAddress(stream.remoteAddress)
        input.connected(to: stream)
        output.connected(to: stream)
    }

    /// The session that took another one's place has its stream, and the client knows.
    public func connect(to stream: ClientStream) {
        // Another client may have bound the resource just now.
        guard !isOver, !isLeaving else { return stream.close(.conflict) }
        timer?.cancel()
        timer = nil
        connected(to: stream.connection)
        storeState()
        var event = SessionEvent(session: self, host: host)
        host.fire(Hooks.sessionResumed, &event)
    }

    /// The stream has ended: what comes on it is the client's no more. Called by the stream, once.
    public func streamEnded(_ reason: StreamEnd) {
        guard !isOver, output.stream != nil else { return }
        host.signIns.ended(jid, reason, from: address)
        if resumption != nil, reason.leavesSession { hibernate() } else { conclude(reason) }
    }

    private func disconnected() {
        input.disconnected()
        output.disconnected()
    }

    // MARK: Without a connection

    private func hibernate() {
        disconnected()
        output.outbox?.disconnected(output, at: host.now())
        startTimer()
        input.whenAtRest { [input, host] in
            guard let change = input.durability.countToStore(input.handled) else { return }
            host.store([change])
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
    func wasNotRestored() { output.outbox?.drop() }

    /// Somebody resumes the session: ends its stream, if it still has one, and waits until everything that has come on it
    /// is done and durable. From anywhere.
    ///
    /// - Returns: how many of the client's stanzas have been handled; nil: the session is over.
    func detachForResumption() async -> UInt32? {
        await withCheckedContinuation { continuation in
            loop.eventLoop.execute {
                guard !self.isOver, !self.isLeaving else { return continuation.resume(returning: nil) }
                if let stream = self.output.stream {
                    self.hibernate()
                    stream.close(.conflict)
                }
                self.input.whenAtRest { continuation.resume(returning: self.input.handled) }
            }
        }
    }

    /// Another session has taken the place of this one; whatever still comes to it goes there.
    func wasReplaced() {
        isOver = true
        timer?.cancel()
        timer = nil
    }

    // MARK: The end

    /// Ends the session with a stream error; from any loop.
    public func end(_ error: StreamError?) {
        onLoop {
            if let stream = self.output.stream {
                stream.close(error)
            } else {
                self.conclude(error.map { .error($0) } ?? .closed)
            }
        }
    }

    /// The session ends, and does not come back. What its client has not acknowledged goes elsewhere first; then it is
    /// unavailable.
    func conclude(_ reason: StreamEnd) {
        guard !isOver else { return }
        disconnected()
        timer?.cancel()
        timer = nil
        guard let outbox = output.outbox else {
            record.remove(self)
            return ended(reason)
        }
        guard outbox.beginToLeave(output) else { return }
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
                return host.router.redeliver(entry.stanza, since: entry.time, from: output, changes) {
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
        if let resumption = outbox.resumption {
            host.remember(resumption, handled: input.handled)
            host.store([.removeSession(resumption.id)])
        }
        ended(reason)
        host.router.inFlight.end()
    }

    /// Where a message stands among those of other sessions that leave, too.
    private func place(of message: SessionOutbox.Entry?) -> RedeliveryOrder.Place? {
        message.map { .init(time: $0.sentAt, resource: jid.resource ?? "") }
    }

    /// The session is over: it is in no table any more.
    private func ended(_ reason: StreamEnd) {
        isOver = true
        input.ended()
        host.router.ended(self, reason)
    }
}

extension StreamEnd {
    /// Whether the client may come back and go on.
    fileprivate var leavesSession: Bool {
        switch self {
        case .closed: false
        case .lost: true
        case .error(let error):
            [.connectionTimeout, .systemShutdown, .resourceConstraint, .internalServerError].contains(error.condition)
        }
    }
}
