import NIOCore
import XMPP
import XMPPStream

/// What comes from a session's client: its order, what it waits for, and what of it is not durable yet.
///
/// A stanza whose handling has to wait pauses the stream: what the client sent behind it is not even parsed until it goes
/// on. Every such wait has a deadline, at which the stanza is refused. IQ requests whose answer is `.async` do not pause, up
/// to `Host.parallelRequests` of them.
///
/// Lives on its session's loop alone; hence `@unchecked Sendable`.
public final class SessionInput: @unchecked Sendable {
    private let host: Host
    private let loop: LoopContext
    /// nil: the connection is lost.
    private var stream: StreamConnection?
    /// The default language of the client's stream, RFC 6120 §4.7.4.
    private(set) var language: String?
    /// What the client's stanzas change that is not durable yet, and what waits for it.
    var durability: SessionDurability
    private var isAnswering = false
    private var mustAnswerAgain = false
    private var waitingForRest: [() -> Void] = []
    /// Whom the last stanza was for: most often the next one is, too, and its address need not be parsed again.
    private var lastAddress: JID?
    private var requests: [PendingRequest] = []
    private var requestPause: ReadPause?
    private var pauses: [ReadPause] = []

    init(_ host: Host, on loop: LoopContext, _ durability: SessionDurability = SessionDurability()) {
        self.host = host
        self.loop = loop
        self.durability = durability
    }

    func connected(to stream: StreamConnection) {
        self.stream = stream
        language = stream.language
    }

    func disconnected() { stream = nil }

    /// The session is over: nobody waits for what its client has asked.
    func ended() {
        for request in requests { request.cancel() }
    }

    // MARK: Stanzas

    /// Hands a stanza of the client on.
    func received(_ stanza: Stanza, for session: ClientSession) {
        guard durability.holds(stanza.kind) else { return handle(stanza, for: session) }
        let pause = beginPause(within: TimeAmount(host.iqTime)) { [self] in
            durability.handled &+= 1
            host.router.waitedTooLong(stanza, from: session, for: "the storage")
        }
        whenDurable { [self] in end(pause) { handle(stanza, for: session) } }
    }

    private func handle(_ stanza: Stanza, for session: ClientSession) {
        durability.handled &+= 1
        host.router.received(stanza, from: session)
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

    // MARK: Waiting

    func pauseReading<Value: Sendable>(
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

    /// Nobody waits any longer: the server ends.
    func endPauses() {
        for pause in pauses where pause.timer != nil { end(pause) { pause.expired() } }
    }

    func requestStarted(_ request: PendingRequest) {
        requests.append(request)
        if requests.count >= host.parallelRequests, requestPause == nil {
            requestPause = beginPause(within: nil) {}
        }
    }

    func requestEnded(_ request: PendingRequest) {
        requests.removeAll { $0 === request }
        guard requests.count < host.parallelRequests, let pause = exchange(&requestPause, with: nil) else { return }
        end(pause)
    }

    // MARK: What is durable

    /// A group of what the client's stanzas change is durable, or has failed.
    func ended(_ group: SessionDurability.Group, isStored: Bool) {
        durability.ended(group, isStored: isStored)
        while let body = durability.next() { body() }
        lookForRest()
    }

    /// Calls `body` when all that the client has sent so far is durable, or its errors have been sent; at once if it is.
    /// Commits that wait for company are hastened.
    private func whenDurable(_ body: @escaping () -> Void) {
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

    // MARK: The count, XEP-0198 §4

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
        whenDurable { [self] in
            guard let change = durability.countToStore(count) else { return answer(count) }
            host.storage.submit([change], .now) { result in
                let isStored = self.host.failure(of: result) == nil
                self.loop.eventLoop.execute { self.countEnded(count, isStored: isStored) }
            }
        }
    }

    private func countEnded(_ count: UInt32, isStored: Bool) {
        if isStored { return answer(count) }
        durability.countFailed()
        isAnswering = false
    }

    private func answer(_ count: UInt32) {
        write(count)
        isAnswering = false
        guard mustAnswerAgain else { return }
        mustAnswerAgain = false
        answerCount()
    }

    private func write(_ count: UInt32) {
        stream?.write { $0.element("a", .streamManagement, ["h": String(count)]) }
    }

    /// The client has closed its stream in good order: what it sent last is acknowledged if it is durable already.
    func streamCloses() {
        if durability.counts, durability.isSettled { write(handled) }
    }
}
