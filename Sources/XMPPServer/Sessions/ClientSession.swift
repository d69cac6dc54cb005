import NIOCore
import Synchronization
import XML
import XMPP
import XMPPStream

/// A bound resource of an account: its address, presence, rights and flags.
///
/// **Overview.** The session stands between a stream and the router. Stanzas from its client pass its input, which hands
/// them to the router in order, with the session's JID. Stanzas to its client pass its output, which writes them to the
/// stream.
///
/// **Isolation.** Its availability, priority, flags and last presence are atomic or behind a lock, and `send` may be
/// called from any loop. Its input, its stream and its end are used on its loop only; hence `@unchecked Sendable`. A module
/// that keeps a session keeps no connection alive: a session that has ended takes no stanza.
///
/// **Resumption.** A session whose client acknowledges stanzas may outlive its connection; see
/// `ClientSession+Lifetime.swift`. To resume it, a new session is made on the loop of the new stream. It takes over the
/// outbox and the state; stanzas that are still sent to the former session go to the same outbox.
public final class ClientSession: StanzaOrigin, StreamSession, @unchecked Sendable {
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
    /// The trace of its messages; nil: they are not traced.
    let trace: TraceRing?
    /// The client's software, as named at its sign-in.
    public let userAgent: UserAgent?

    /// What comes from the client. On the loop only.
    public let input: SessionInput
    /// What goes to the client.
    public let output: SessionOutput

    // On the loop only.
    var isOver = false
    /// Ends a session that nobody resumes in time.
    var timer: Scheduled<Void>?
    /// The client's address.
    var address: IPAddress?

    // From any loop.
    private let flags = Atomic<UInt32>(0)
    private let availability = Atomic<Int>(unavailablePriority)
    private let presenceState = Mutex<Element?>(nil)

    private static let unavailablePriority = Int.min

    init(jid: JID, record: AccountRecord, host: Host, stream: ClientStream, boundAt: Timestamp) {
        self.jid = jid
        self.record = record
        self.host = host
        self.boundAt = boundAt
        token = stream.token
        rights = stream.rights
        userAgent = stream.userAgent
        loop = stream.connection.loop
        trace = host.router.trace.ring(of: loop)
        input = SessionInput(host, on: loop)
        output = SessionOutput(jid: jid, record: record, host: host, loop: loop)
        connected(to: stream.connection)
    }

    /// A session that continues a former one. It has no stream yet.
    init(_ state: SessionState, record: AccountRecord, host: Host, loop: LoopContext, outbox: SessionOutbox) {
        jid = state.jid
        self.record = record
        self.host = host
        self.loop = loop
        boundAt = state.boundAt
        token = state.token
        rights = state.rights
        userAgent = state.userAgent
        trace = host.router.trace.ring(of: loop)
        input = SessionInput(host, on: loop, SessionDurability(handled: state.handled, outbox.resumption))
        output = SessionOutput(
            jid: jid, record: record, host: host, loop: loop, outbox: outbox, isInactive: state.isInactive)
        presenceState.withLock { $0 = state.presence }
        availability.store(state.priority ?? Self.unavailablePriority, ordering: .relaxed)
        flags.store(state.flags, ordering: .releasing)
    }

    /// The state for the session that continues this one. From any loop.
    ///
    /// - Parameter handled: the count of handled stanzas, which only the session's loop may read.
    func state(handled: UInt32) -> SessionState {
        SessionState(
            jid: jid, boundAt: boundAt, token: token, rights: rights, userAgent: userAgent, handled: handled,
            presence: presence, priority: priority, flags: flags.load(ordering: .relaxed),
            isInactive: output.isInactive)
    }

    // MARK: State, from any loop

    /// Whether the session has sent presence, RFC 6121 §4.
    public var isAvailable: Bool { availability.load(ordering: .relaxed) != Self.unavailablePriority }

    /// −128…127; `nil` if the session is not available.
    public var priority: Int? {
        let value = availability.load(ordering: .relaxed)
        return value == Self.unavailablePriority ? nil : value
    }

    /// The last available presence that the session broadcast.
    public var presence: Element? { presenceState.withLock { $0 } }

    /// Stores the presence that the client broadcast; nil: it is unavailable.
    public func announce(_ presence: Element?, priority: Int) {
        presenceState.withLock { $0 = presence }
        availability.store(presence == nil ? Self.unavailablePriority : priority, ordering: .relaxed)
        storeState()
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
        let bits = flags.load(ordering: .relaxed)
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
        storeState()
    }

    // MARK: From the client

    public func received(_ element: Element) {
        guard let stanza = Stanza(element) else {
            output.stream?.close(.unsupportedStanzaType)
            return
        }
        input.received(stanza, for: self)
    }

    public func streamCloses() { input.streamCloses() }

    /// Does something on the session's loop: at once if that is this one.
    public func onLoop(_ body: @escaping @Sendable () -> Void) {
        if loop.eventLoop.inEventLoop { body() } else { loop.eventLoop.execute(body) }
    }

    /// Handles a stanza as if the client had sent it, without counting it. On the session's loop.
    public func act(_ element: Element) {
        guard let stanza = Stanza(element) else { return }
        host.router.received(stanza, from: self)
    }

    // MARK: As an origin

    public var account: AccountRecord? { record }
    public var client: ClientSession? { self }
    public var language: String? { input.language }

    public func pauseReading<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value, within time: TimeAmount,
        then: @escaping @Sendable (Value?) -> Void
    ) {
        input.pauseReading(operation, within: time, then: then)
    }

    public func requestStarted(_ request: PendingRequest) { input.requestStarted(request) }
    public func requestEnded(_ request: PendingRequest) { input.requestEnded(request) }

    public func send(_ kind: StanzaKind, isAwaited: Bool, _ body: (inout XMLWriter) -> Void) {
        host.store(output.send(kind, nil, nil, isAwaited: isAwaited, body))
    }

    public func sendMessages(
        _ count: Int, _ message: @escaping (_ index: Int) -> Reply.Content?,
        then: @escaping (_ areSent: Bool) -> Void
    ) {
        var index = 0
        output.sendBatch(
            { [self] in
                guard index < count else { return false }
                if let write = message(index) { send(.message, write) }
                index += 1
                return true
            }, then: then)
    }

    // MARK: To the client

    /// Sends a stanza that is written by `body`. On the session's own loop it is written straight behind what waits for
    /// the client.
    ///
    /// - Parameters:
    ///   - from: whose message it is; nil: it is for this session alone, and goes nowhere else when that ends.
    ///   - time: when a message came, if it has waited.
    ///   - transaction: takes what is to be committed with it; nil: that is committed by itself.
    public func send(
        _ kind: StanzaKind, from: JID? = nil, at time: Timestamp? = nil, in transaction: StanzaTransaction? = nil,
        _ body: (inout XMLWriter) -> Void
    ) {
        let changes = output.send(kind, from, time, isAwaited: false, body)
        if let transaction { transaction.add(changes) } else { host.store(changes) }
    }

    /// Sends a stanza that is on its way.
    ///
    /// - Parameter others: the resources of the account that get it as well.
    /// - Returns: what is to be committed with it.
    func send(_ event: StanzaContext, alsoTo others: [String] = []) -> [StorageChange] {
        event.record(.delivered, jid.string)
        let changes = output.send(event, alsoTo: others)
        if event.stanza.kind == .message, output.isWaiting {
            host.messageKept(
                KeptMessage(
                    message: event.stanza.element, from: event.from, account: record, session: self, host: host,
                    mark: event.mark))
        }
        return changes
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
