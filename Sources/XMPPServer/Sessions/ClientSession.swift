import DequeModule
import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// A bound resource of an account.
///
/// **Overview.** The session stands between a stream and the router: it takes stanzas from its stream in order, stamps
/// them with its JID, and hands them on; it takes stanzas from everywhere and writes them to its stream.
///
/// **Where it lives.** On its stream's event loop. What routing must know from other loops (is it available, with which
/// priority, what did it announce last) is atomic or behind a lock; `send` may be called from anywhere. A module that
/// keeps a session keeps no connection alive: after its end a session takes nothing any more.
///
/// **Resumption.** A session whose client acknowledges what it gets has a `SessionOutbox`, and may outlive its connection;
/// see `ClientSession+Resumption.swift`. Whoever resumes it gets a new session, on the loop of its new stream, that takes
/// over the outbox and everything else; what is sent to the former one goes there as well.
///
/// **Order.** A stanza whose handling has to wait pauses the stream: what the client sent behind it is not even parsed
/// until it goes on. Every such wait has a deadline, at which the stanza is refused. IQ requests whose answer is `.async` do not pause, up to `Host.parallelRequests` of them.
public final class ClientSession: StanzaOrigin, StanzaRecipient, StreamSession, @unchecked Sendable {
    /// The full JID.
    public let jid: JID
    public let record: AccountRecord
    public let host: Host
    public let loop: LoopContext
    /// When the resource was bound.
    public let boundAt: Timestamp
    /// The token that it was opened with; nil: with another secret.
    public let token: VerifiedToken?
    /// What the client may do.
    public let rights: SessionRights
    /// Where what becomes of its messages is noted; `nil`: nowhere.
    let trace: TraceRing?
    /// What the client has said of itself at its sign-in.
    public let userAgent: UserAgent?

    // On the loop only.
    /// `nil`: the connection is lost, and the client may come back.
    var stream: StreamConnection?
    var isOver = false
    /// What the client's stanzas change that is not durable yet, and what waits for it.
    var durability = SessionDurability()
    var isAnswering = false
    var mustAnswerAgain = false
    /// Runs while the client has not answered how far it has come.
    var question: Scheduled<Void>?
    /// How many stanzas were written when it was asked.
    var askedAt: UInt32?
    /// The outbox has more, and the client has to read first.
    var isOutboxWaiting = false
    /// Ends a session that nobody resumes in time.
    var timer: Scheduled<Void>?
    private var waitingForRest: [() -> Void] = []
    /// What is to be committed of all that is being sent; `nil`: each by itself.
    var collected: [StorageChange]?
    /// Whom the last stanza was for: most often the next one is, too, and its address need not be parsed again.
    private var lastAddress: JID?
    private var requests: [PendingRequest] = []
    /// What is to be sent no faster than the client takes it; see `ClientSession+Batches.swift`.
    var batches = Deque<Batch>()
    var isSendingBatches = false
    /// What is sent right now belongs to a batch.
    var isSendingOfBatch = false
    private var requestPause: ReadPause?
    private var pauses: [ReadPause] = []

    // From any loop.
    private let availability = Atomic<Int>(unavailablePriority)
    private let presenceState = Mutex<Element?>(nil)
    private let flags = Atomic<UInt32>(0)
    /// Put in place on the loop, once, before the flag says so.
    private(set) var outbox: SessionOutbox?
    /// How many stanzas of other loops are on their way through the mailbox.
    private let inFlight = Atomic<Int>(0)
    /// Whether they are counted, from the beginning to the end of the session.
    private let countsInFlight: Bool

    private static let hasOutbox = Flag("outbox")
    private static let unavailablePriority = Int.min

    init(jid: JID, record: AccountRecord, host: Host, stream: ClientStream, boundAt: Timestamp) {
        self.jid = jid
        self.record = record
        self.host = host
        self.stream = stream.connection
        self.boundAt = boundAt
        token = stream.token
        rights = stream.rights
        userAgent = stream.userAgent
        countsInFlight = host.resumption != nil
        loop = stream.connection.loop
        trace = host.router.trace.ring(of: loop)
    }

    /// A session that goes on where another one has stopped, for now without a stream of its own.
    init(_ state: SessionState, record: AccountRecord, host: Host, loop: LoopContext, outbox: SessionOutbox) {
        jid = state.jid
        self.record = record
        self.host = host
        self.loop = loop
        boundAt = state.boundAt
        token = state.token
        rights = state.rights
        userAgent = state.userAgent
        countsInFlight = host.resumption != nil
        trace = host.router.trace.ring(of: loop)
        durability = SessionDurability(handled: state.handled)
        self.outbox = outbox
        presenceState.withLock { $0 = state.presence }
        availability.store(state.priority ?? Self.unavailablePriority, ordering: .relaxed)
        flags.store(state.flags | Self.hasOutbox.bit, ordering: .releasing)
    }

    /// What a session that goes on has to know. From any loop.
    ///
    /// - Parameter handled: how many stanzas of the client have been handled, as the session's loop has told.
    func state(handled: UInt32) -> SessionState {
        SessionState(
            jid: jid, boundAt: boundAt, token: token, rights: rights, userAgent: userAgent, handled: handled,
            presence: presence, priority: priority, flags: flags.load(ordering: .relaxed))
    }

    // MARK: What routing may ask from any loop

    /// Whether the session has sent presence, RFC 6121 §4.
    public var isAvailable: Bool { availability.load(ordering: .relaxed) != Self.unavailablePriority }

    /// −128…127; `nil` if the session is not available.
    public var priority: Int? {
        let value = availability.load(ordering: .relaxed)
        return value == Self.unavailablePriority ? nil : value
    }

    /// The last available presence that the session sent to all.
    public var presence: Element? { presenceState.withLock { $0 } }

    /// Takes over what the client announced. `nil`: it is unavailable.
    public func announce(_ presence: Element?, priority: Int) {
        presenceState.withLock { $0 = presence }
        availability.store(presence == nil ? Self.unavailablePriority : priority, ordering: .relaxed)
        if usesOutbox { storeState() }
    }

    /// A mark that a module sets on a session and reads from anywhere, such as "asked for the roster".
    public struct Flag: Sendable {
        let bit: UInt32
        /// Flags are made once, as static constants; there can be 32 of them. A session that is resumed keeps them.
        public init(_ name: StaticString) { bit = 1 << flagNames.withLock { $0.index(of: "\(name)") } }
    }

    public func has(_ flag: Flag) -> Bool { flags.load(ordering: .relaxed) & flag.bit != 0 }

    /// The names of the flags that are set.
    var flagNamesSet: [String] {
        let bits = flags.load(ordering: .relaxed) & ~Self.hasOutbox.bit
        return flagNames.withLock { known in
            known.names.enumerated().filter { bits & 1 << $0.offset != 0 }.map(\.element)
        }
    }

    static func bits(ofFlags names: [String]) -> UInt32 {
        flagNames.withLock { known in names.reduce(0) { $0 | 1 << known.index(of: $1) } }
    }

    public func set(_ flag: Flag, _ isOn: Bool) {
        if isOn {
            flags.bitwiseOr(flag.bit, ordering: .relaxed)
        } else {
            flags.bitwiseAnd(~flag.bit, ordering: .relaxed)
        }
        if usesOutbox { storeState() }
    }

    // MARK: From the client

    public func received(_ element: Element) {
        guard let stanza = Stanza(element) else {
            stream?.close(.unsupportedStanzaType)
            return
        }
        if durability.holds(stanza.kind) { waitForDurability(stanza) } else { handle(stanza) }
    }

    private func handle(_ stanza: Stanza) {
        durability.handled &+= 1
        host.router.received(stanza, from: self)
    }

    /// Does something on the session's loop: at once if that is this one.
    public func onLoop(_ body: @escaping @Sendable () -> Void) {
        if loop.eventLoop.inEventLoop { body() } else { loop.eventLoop.execute(body) }
    }

    /// Does what the client would have done with a stanza that it has not sent. On the session's loop.
    public func act(_ element: Element) {
        guard let stanza = Stanza(element) else { return }
        host.router.received(stanza, from: self)
    }

    /// The session goes on with a stream that ends: its stanzas are the client's no more. Called by the stream, once.
    public func streamEnded(_ reason: StreamEnd) {
        guard !isOver, let stream else { return }
        host.signIns.ended(jid, reason, from: IPAddress(stream.remoteAddress))
        if resumption != nil, reason.leavesSession { hibernate() } else { conclude(reason) }
    }

    /// The session is over: it is in no table any more.
    func ended(_ reason: StreamEnd) {
        isOver = true
        for request in requests { request.cancel() }
        host.router.ended(self, reason)
    }

    /// What a stanza's attribute `to` says.
    enum Address {
        case none
        case valid(JID)
        case malformed(String)
    }

    func address(of stanza: Stanza) -> Address {
        let known = lastAddress
        let jid = stanza.element.withAttributeBytes("to") { bytes -> JID? in
            if let known, known.isWritten(bytes) { return known }
            return JID(utf8: bytes)
        }
        guard let attribute = jid else { return .none }
        guard let jid = attribute else { return .malformed(stanza.element["to"] ?? "") }
        lastAddress = jid
        return .valid(jid)
    }

    public var account: AccountRecord? { record }
    public var client: ClientSession? { self }
    public var language: String? { stream?.language }

    // MARK: To the client

    /// Sends a stanza that is written by `body`. On the session's own loop it is written straight behind what waits for
    /// the client.
    ///
    /// - Parameter isAwaited: whether the client waits for it: it may be larger than what may wait for the client.
    public func send(isAwaited: Bool = false, _ body: (inout XMLWriter) -> Void) {
        if loop.eventLoop.inEventLoop, !usesOutbox {
            guard !isOver else { return }
            stream?.write(isAwaited: isAwaited || isSendingOfBatch, body)
        } else {
            var writer = XMLWriter()
            body(&writer)
            if isAwaited, loop.eventLoop.inEventLoop {
                put(writer.finish(), isAwaited: true)
            } else {
                send(writer.finish())
            }
        }
    }

    /// Sends one complete stanza.
    ///
    /// - Parameter sender: the loop that this is called on, where the caller knows it; it batches what goes to other
    ///   loops.
    public func send(_ stanza: ByteBuffer, from sender: LoopContext? = nil) {
        if loop.eventLoop.inEventLoop {
            take(stanza)
        } else if takesDirectly {
            put(stanza)
        } else {
            mail(stanza, from: sender)
        }
    }

    private func mail(_ stanza: ByteBuffer, from sender: LoopContext?) {
        if countsInFlight { inFlight.wrappingAdd(1, ordering: .relaxed) }
        if let sender = sender ?? host.router.loops.current {
            // All that comes from one loop goes the same way, so that nothing overtakes.
            sender.send(stanza, to: self, on: loop)
        } else {
            loop.post(stanza, to: self)
        }
    }

    public func deliver(_ stanza: ByteBuffer) {
        take(stanza)
        if countsInFlight { inFlight.wrappingSubtract(1, ordering: .releasing) }
    }

    private func take(_ stanza: ByteBuffer) {
        if usesOutbox { return put(stanza) }
        guard !isOver, let stream else { return host.router.deliverAgain(stanza, from: self) }
        stream.append(stanza)
    }

    // MARK: The outbox

    /// Whether all that is sent goes through the outbox.
    private var usesOutbox: Bool { flags.load(ordering: .acquiring) & Self.hasOutbox.bit != 0 }

    /// Whether this loop may put its stanzas there itself: what it has sent before, through the mailbox, has arrived.
    private var takesDirectly: Bool { usesOutbox && countsInFlight && inFlight.load(ordering: .acquiring) == 0 }

    /// The outbox, if there is one. From any loop.
    var openedOutbox: SessionOutbox? { usesOutbox ? outbox : nil }

    /// Makes the outbox, if there is none. On the session's loop.
    func openOutbox() -> SessionOutbox {
        if let outbox { return outbox }
        let outbox = SessionOutbox(
            host.resumption, unwrittenBytes: host.configuration.limits.outgoingQueueSize, owner: self)
        self.outbox = outbox
        flags.bitwiseOr(Self.hasOutbox.bit, ordering: .releasing)
        return outbox
    }

    /// Puts a stanza into the outbox that nothing is committed with.
    private func put(_ stanza: ByteBuffer, isAwaited: Bool = false) {
        let changes = append(stanza, isAwaited: isAwaited)
        guard !changes.isEmpty else { return }
        if loop.eventLoop.inEventLoop, collected != nil {
            collected?.append(contentsOf: changes)
        } else {
            host.store(changes)
        }
    }

    /// Sends a message that is on its way, and has it commit what the session keeps of it until it is acknowledged.
    ///
    /// - Parameter others: the resources of the account that get it as well.
    /// - Returns: whether it was done; only a session with an outbox does that.
    func take(_ event: inout StanzaContext, others: [String]) -> Bool {
        guard usesOutbox, loop.eventLoop.inEventLoop || takesDirectly else { return false }
        var writer = XMLWriter()
        event.write(to: &writer)
        event.commit(append(writer.finish(), others: others, mark: event.mark))
        if let outbox, outbox.isHibernating || has(.isInactive), let account = event.account {
            host.messageKept(
                KeptMessage(
                    message: event.stanza.element, from: event.from, account: account, session: self, host: host,
                    mark: event.mark))
        }
        return true
    }

    /// - Returns: what is to be committed.
    private func append(
        _ stanza: ByteBuffer, others: [String] = [], isAwaited: Bool = false, mark: TracePoint? = nil
    ) -> [StorageChange] {
        guard let outbox else { return [] }
        let urgency = has(.isInactive) ? host.urgency(of: stanza) : .now
        let (appended, writer) = outbox.append(
            stanza, at: host.now(), others: others, urgency: urgency, isAwaited: isAwaited, mark: mark)
        writer?.writeSoon()
        switch appended {
        case .taken(let changes):
            return changes
        case .overfull(let changes):
            end(outbox.isCounting ? .policyViolation : .resourceConstraint)
            return changes
        case .closed:
            host.router.deliverAgain(stanza, from: self)
            return []
        }
    }

    /// Writes what the outbox has: at once on the session's loop.
    func writeSoon() {
        onLoop { self.writeOutbox() }
    }

    /// Since when the session has been without a connection; nil: it has one, or is about to end. From any loop.
    public var hibernatesSince: Timestamp? { openedOutbox?.hibernatesSince }

    /// Whether the session is about to end: it takes nothing new.
    public var isLeaving: Bool { openedOutbox?.isLeaving ?? false }

    /// Ends the session with a stream error; from any loop.
    public func end(_ error: StreamError?) {
        onLoop { self.finish(error) }
    }

    // MARK: Waiting

    public func pauseReading<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value, within time: TimeAmount,
        then: @escaping @Sendable (Value?) -> Void
    ) {
        let pause = beginPause(within: time) { then(nil) }
        Task {
            let value = await operation()
            loop.eventLoop.execute { self.end(pause) { then(value) } }
        }
    }

    /// Pauses the stream until `end`.
    ///
    /// - Parameters:
    ///   - time: how long at most; nil: what it waits for has a deadline of its own.
    ///   - expired: called when the time is over; the stream goes on behind it.
    private func beginPause(within time: TimeAmount?, expired: @escaping () -> Void) -> ReadPause {
        let pause = ReadPause(expired)
        pauses.append(pause)
        if pauses.count == 1 { stream?.pauseReading() }
        guard let time else { return pause }
        pause.timer = loop.eventLoop.assumeIsolated().scheduleTask(in: time) { self.end(pause) { pause.expired() } }
        return pause
    }

    /// Does what was waited for, unless the time was over before. The stream goes on when nothing pauses it any more: what
    /// goes on after a wait may have to wait again.
    private func end(_ pause: ReadPause, _ body: () -> Void = {}) {
        guard !pause.isOver else { return }
        pause.isOver = true
        pause.timer?.cancel()
        body()
        pauses.removeAll { $0 === pause }
        if pauses.isEmpty { stream?.resumeReading() }
        lookForRest()
    }

    /// Nobody waits any longer: the server ends. On the session's loop.
    func endPauses() {
        for pause in pauses where pause.timer != nil { end(pause) { pause.expired() } }
    }

    /// A group of what a stanza of the client changes is about to be submitted.
    ///
    /// - Parameter holdsAnswers: nothing that is answered may follow: every answer vouches for what was sent before it.
    func began(holdsAnswers: Bool) -> SessionDurability.Group { durability.began(holdsAnswers: holdsAnswers) }

    /// The group is durable, or has failed.
    func ended(_ group: SessionDurability.Group, isStored: Bool) {
        durability.ended(group, isStored: isStored)
        while let body = durability.next() { body() }
        lookForRest()
    }

    private func waitForDurability(_ stanza: Stanza) {
        let pause = beginPause(within: TimeAmount(host.iqTime)) {
            self.durability.handled &+= 1
            self.host.router.waitedTooLong(stanza, from: self, for: "the storage")
        }
        whenDurable { self.end(pause) { self.handle(stanza) } }
    }

    /// Calls `body` when all that the client has sent so far is durable, or its errors have been sent; at once if it is.
    /// Commits that wait for company are hastened. On the session's loop.
    public func whenDurable(_ body: @escaping () -> Void) {
        guard !durability.isSettled else { return body() }
        durability.wait(body)
        host.storage.submit([], .now, completion: nil)
    }

    /// Calls `body` when everything that the client has sent so far is done and durable. The stream has ended.
    func whenAtRest(_ body: @escaping () -> Void) {
        waitingForRest.append(body)
        host.storage.submit([], .now, completion: nil)
        lookForRest()
    }

    private func lookForRest() {
        guard !waitingForRest.isEmpty, durability.isSettled, pauses.isEmpty else { return }
        for body in exchange(&waitingForRest, with: []) { body() }
    }

    public func requestStarted(_ request: PendingRequest) {
        requests.append(request)
        if requests.count >= host.parallelRequests, requestPause == nil {
            requestPause = beginPause(within: nil) {}
        }
    }

    public func requestEnded(_ request: PendingRequest) {
        requests.removeAll { $0 === request }
        guard requests.count < host.parallelRequests, let pause = exchange(&requestPause, with: nil) else { return }
        end(pause)
    }
}

/// The names of all flags, in the order of their bits.
private struct FlagNames {
    var names: [String] = []

    mutating func index(of name: String) -> UInt32 {
        if let index = names.firstIndex(of: name) { return UInt32(index) }
        precondition(names.count < 32, "no room for the session flag \(name)")
        names.append(name)
        return UInt32(names.count - 1)
    }
}

private let flagNames = Mutex(FlagNames())
