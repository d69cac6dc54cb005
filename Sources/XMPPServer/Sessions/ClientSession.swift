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
/// **Order.** A stanza whose handling has to wait holds the stream: what the client sent behind it is not even parsed
/// until it goes on. IQ requests whose answer is `.async` do not hold, up to `Host.parallelRequests` of them.
public final class ClientSession: StanzaRecipient, StreamSession, @unchecked Sendable {
    /// The full JID.
    public let jid: JID
    public let record: AccountRecord
    public let host: Host
    public let loop: LoopContext
    /// When the resource was bound.
    public let boundAt: Timestamp
    /// The token that it was opened with; nil: with another secret.
    public let token: VerifiedToken?
    /// What the client has said of itself at its sign-in.
    public let userAgent: UserAgent?

    // On the loop only.
    let stream: StreamHandler
    private var isOver = false
    /// Whom the last stanza was for: most often the next one is, too, and its address need not be parsed again.
    private var lastAddress: JID?
    private var requests: [PendingRequest] = []
    private var isHeldForRequests = false
    private var holds = 0
    /// Commits that the client's stanzas have asked for.
    private var ledger = CommitLedger()
    /// What waits for commits, in the order of the commits.
    private var waitingForDurability: [(commit: Int, body: () -> Void)] = []
    /// Messages of the client that are on their way to the disk, and that its answers wait for.
    private var commits = 0
    /// What came behind them and has to wait for them.
    private var waitingForCommits: Stanza?
    private static let maximumCommits = 1_000

    // From any loop.
    private let availability = Atomic<Int>(unavailablePriority)
    private let presenceState = Mutex<Element?>(nil)
    private let flags = Atomic<UInt32>(0)

    private static let unavailablePriority = Int.min

    init(
        jid: JID, record: AccountRecord, host: Host, stream: StreamHandler, token: VerifiedToken?, boundAt: Timestamp
    ) {
        self.jid = jid
        self.record = record
        self.host = host
        self.stream = stream
        self.boundAt = boundAt
        self.token = token
        userAgent = stream.userAgent
        loop = stream.loop
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
    }

    /// A mark that a module sets on a session and reads from anywhere, such as "asked for the roster".
    public struct Flag: Sendable {
        let bit: UInt32
        /// Flags are made once, as static constants; there can be 32 of them.
        public init(_ name: StaticString) {
            let index = flagCount.wrappingAdd(1, ordering: .relaxed).oldValue
            precondition(index < 32, "no room for the session flag \(name)")
            bit = 1 << index
        }
    }

    public func has(_ flag: Flag) -> Bool { flags.load(ordering: .relaxed) & flag.bit != 0 }

    public func set(_ flag: Flag, _ isOn: Bool) {
        if isOn {
            flags.bitwiseOr(flag.bit, ordering: .relaxed)
        } else {
            flags.bitwiseAnd(~flag.bit, ordering: .relaxed)
        }
    }

    // MARK: From the client

    public func received(_ element: Element) {
        guard let stanza = Stanza(element) else { return stream.close(.unsupportedStanzaType) }
        if commits > 0, stanza.kind != .message || commits >= Self.maximumCommits {
            waitingForCommits = stanza
            return holdStream()
        }
        host.router.received(stanza, from: self)
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

    public func streamEnded(_ reason: StreamEnd) {
        guard !isOver else { return }
        isOver = true
        record.remove(self)
        for request in requests { request.cancel() }
        host.router.ended(self, reason)
    }

    /// The default language of what the client sends, RFC 6120 §4.7.4.
    var language: String? { stream.language }

    // MARK: To the client

    /// Sends a stanza that is written by `body`. On the session's own loop it is written straight behind what waits for
    /// the client.
    public func send(_ body: (inout XMLWriter) -> Void) {
        if loop.eventLoop.inEventLoop {
            guard !isOver else { return }
            stream.write(body)
        } else {
            var writer = XMLWriter()
            body(&writer)
            send(writer.finish())
        }
    }

    /// Sends one complete stanza.
    ///
    /// - Parameter sender: the loop that this is called on, where the caller knows it; it batches what goes to other
    ///   loops.
    public func send(_ stanza: ByteBuffer, from sender: LoopContext? = nil) {
        if loop.eventLoop.inEventLoop {
            deliver(stanza)
        } else if let sender = sender ?? host.router.loops.current {
            // All that comes from one loop goes the same way, so that nothing overtakes.
            sender.send(stanza, to: self, on: loop)
        } else {
            loop.post(stanza, to: self)
        }
    }

    public func deliver(_ stanza: ByteBuffer) {
        guard !isOver else { return host.router.deliverAgain(stanza, from: self) }
        stream.append(stanza)
    }

    /// Lets `body` send something, on the session's loop, and waits until all that was sent has been written to the
    /// connection. `false`: the session is over, and something may not have been.
    public func write(_ body: @escaping @Sendable () -> Void) async -> Bool {
        await withCheckedContinuation { continuation in
            loop.eventLoop.execute {
                guard !self.isOver else { return continuation.resume(returning: false) }
                body()
                self.stream.whenWritten { continuation.resume(returning: $0) }
            }
        }
    }

    /// Ends the session with a stream error; from any loop.
    public func end(_ error: StreamError?) {
        if loop.eventLoop.inEventLoop {
            stream.close(error)
        } else {
            loop.eventLoop.execute { self.stream.close(error) }
        }
    }

    // MARK: Waiting

    /// Waits for `operation` with the stream on hold, then goes on with `then` on the loop.
    func hold<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value,
        then: @escaping @Sendable (Value) -> Void
    ) {
        holdStream()
        Task {
            let value = await operation()
            loop.eventLoop.execute {
                then(value)
                self.letStreamGo()
            }
        }
    }

    /// What a stanza of the client changes is about to be submitted. Others may follow it.
    ///
    /// - Parameter holdsAnswers: nothing that is answered may follow: every answer vouches for what was sent before it.
    /// - Returns: the commit's number, for `commitEnded`.
    func commitBegan(holdsAnswers: Bool) -> Int {
        if holdsAnswers { commits += 1 }
        return ledger.began()
    }

    func commitEnded(_ number: Int, heldAnswers: Bool) {
        ledger.ended(number)
        while let first = waitingForDurability.first, first.commit <= ledger.first {
            waitingForDurability.removeFirst()
            first.body()
        }
        guard heldAnswers else { return }
        commits -= 1
        guard commits == 0, let stanza = waitingForCommits else { return }
        waitingForCommits = nil
        host.router.received(stanza, from: self)
        letStreamGo()
    }

    /// Calls `body` when all that the client has sent so far is durable, or its errors have been sent; at once if it is.
    /// Commits that wait for company are hastened. On the session's loop.
    public func whenDurable(_ body: @escaping () -> Void) {
        guard !ledger.isSettled else { return body() }
        waitingForDurability.append((ledger.next, body))
        host.storage.submit([], .now, completion: nil)
    }

    /// The stream goes on when nothing holds it any more: what goes on after a wait may have to wait again.
    private func holdStream() {
        holds += 1
        if holds == 1 { stream.hold() }
    }

    private func letStreamGo() {
        holds -= 1
        if holds == 0 { stream.goOn() }
    }

    /// Takes note of a request that is answered later; the stream is held when there are too many.
    func requestStarted(_ request: PendingRequest) {
        requests.append(request)
        if requests.count >= host.parallelRequests, !isHeldForRequests {
            isHeldForRequests = true
            holdStream()
        }
    }

    func requestEnded(_ request: PendingRequest) {
        requests.removeAll { $0 === request }
        if isHeldForRequests, requests.count < host.parallelRequests {
            isHeldForRequests = false
            letStreamGo()
        }
    }
}

private let flagCount = Atomic<UInt32>(0)
