import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// The life of a session, with a connection and without. On the session's loop.
///
/// A session *hibernates* while its client has no connection: it keeps its place in its account's table and its
/// availability, and stanzas for it wait in its outbox. It has no stream and no task then, only a timer.
extension ClientSession {
    /// How the session can be resumed; nil: it cannot. From any loop.
    public var resumption: Resumption? { output.outbox?.resumption }

    /// Whether the client acknowledges stanzas. From any loop.
    public var isAcknowledging: Bool { output.outbox?.isCounting ?? false }

    /// When the connection was lost; nil: there is one, or the session is about to end. From any loop.
    public var hibernatesSince: Timestamp? { output.outbox?.hibernatesSince }

    /// Whether the session is about to end, and redelivers the stanzas of its outbox. From any loop.
    public var isLeaving: Bool { output.outbox?.isLeaving ?? false }

    /// Whether the client is inactive: stanzas that are not urgent are held back. From any loop.
    public var isInactive: Bool { output.isInactive }

    /// Begins to count stanzas in both directions.
    ///
    /// - Parameter time: how long the session may be without a connection; nil: it ends with its connection.
    public func beginAcknowledging(resumableFor time: Duration?) {
        let resumption = time.map { Resumption.random(time: $0) }
        if let resumption { host.store([.putSession(stored(resumption))]) }
        input.durability.count(from: 0, resumption)
        output.beginCounting(resumption)
    }

    /// Holds back stanzas that are not urgent.
    public func becomeInactive() {
        output.becomeInactive()
        storeState()
    }

    /// Sends the stanzas that were held back.
    public func becomeActive() {
        output.becomeActive()
        storeState()
    }

    // MARK: The stored session

    /// Stores the state of a session that can be resumed. From any loop.
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

    /// Uses a stream, on which the client may send.
    func connected(to stream: StreamConnection) {
        address = IPAddress(stream.remoteAddress)
        input.connected(to: stream)
        output.connected(to: stream)
    }

    /// Connects the session that has resumed another one, once the client has been told.
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

    /// The stream has ended. Called by the stream, once.
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

    /// The session was restored, and is in its account's table. From anywhere.
    func wasRestored() {
        loop.eventLoop.execute { self.startTimer() }
        var event = SessionEvent(session: self, host: host)
        host.fire(Hooks.sessionRestored, &event)
    }

    /// Another look-up of the account has restored the session first: this one is not used.
    func wasNotRestored() { output.outbox?.drop() }

    /// Prepares the session to be resumed: closes its stream, if it still has one, and waits until all stanzas that came on
    /// it are handled and their changes durable. From anywhere.
    ///
    /// - Returns: how many of the client's stanzas have been handled; nil: the session has ended.
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

    /// Another session has resumed this one; stanzas that are still sent to this one go to its outbox.
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

    /// Ends the session for good. Messages that its client has not acknowledged are redelivered first; then it becomes
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
                // It is found no more; a loop that has found it before may still send to it. Messages that other sessions
                // redeliver come before its unavailable presence.
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

    /// The place of a message among those that other sessions of the account redeliver.
    private func place(of message: SessionOutbox.Entry?) -> RedeliveryOrder.Place? {
        message.map { .init(time: $0.sentAt, resource: jid.resource ?? "") }
    }

    /// The session is in no table any more.
    private func ended(_ reason: StreamEnd) {
        isOver = true
        input.ended()
        host.router.ended(self, reason)
    }
}

extension StreamEnd {
    /// Whether the client may resume the session.
    fileprivate var leavesSession: Bool {
        switch self {
        case .closed: false
        case .lost: true
        case .error(let error):
            [.connectionTimeout, .systemShutdown, .resourceConstraint, .internalServerError].contains(error.condition)
        }
    }
}
