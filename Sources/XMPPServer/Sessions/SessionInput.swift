import NIOCore
import XMPP
import XMPPStream

/// The input of a session: it hands the client's stanzas on in order, and tracks which of their changes are not durable
/// yet.
///
/// A stanza that has to wait pauses the stream: nothing behind it is parsed until it goes on. Every such wait has a
/// deadline, at which the stanza is refused. IQ requests with an `.async` answer do not pause the stream, up to
/// `Host.parallelRequests` of them.
///
/// Used on its session's loop only; hence `@unchecked Sendable`.
public final class SessionInput: @unchecked Sendable {
    private let host: Host
    private let loop: LoopContext
    /// nil: the connection is lost.
    private var stream: StreamConnection?
    /// The default language of the client's stream, RFC 6120 §4.7.4.
    private(set) var language: String?
    /// The changes of the client's stanzas that are not durable yet, and the work that waits for them.
    var durability: SessionDurability
    private var isAnswering = false
    private var mustAnswerAgain = false
    private var waitingForRest: [() -> Void] = []
    /// The recipient of the last stanza: most often the next one has the same, and is not parsed again.
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

    /// The session has ended: its client's requests are cancelled, and pause nothing any more.
    func ended() {
        for request in exchange(&requests, with: []) { request.cancel() }
        if let pause = exchange(&requestPause, with: nil) { end(pause) }
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

    /// The value of a stanza's attribute `to`.
    enum Address {
        case none
        case valid(JID)
        case malformed(String)
    }

    func address(of stanza: Stanza) -> Address {
        let known = lastAddress
        let jid = stanza.withAddress { bytes -> JID? in
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
    ///   - time: the longest pause; nil: the awaited work has a deadline of its own.
    ///   - expired: called when the time is over; then the stream goes on.
    private func beginPause(within time: TimeAmount?, expired: @escaping () -> Void) -> ReadPause {
        let pause = ReadPause(expired)
        pauses.append(pause)
        if pauses.count == 1 { stream?.pauseReading() }
        guard let time else { return pause }
        pause.timer = loop.eventLoop.assumeIsolated().scheduleTask(in: time) { self.end(pause) { pause.expired() } }
        return pause
    }

    /// Ends a pause and calls `body`, unless its time was over before. The stream goes on when no pause is left: `body` may
    /// have begun another one.
    private func end(_ pause: ReadPause, _ body: () -> Void = {}) {
        guard !pause.isOver else { return }
        pause.isOver = true
        pause.timer?.cancel()
        body()
        pauses.removeAll { $0 === pause }
        if pauses.isEmpty {
            // Most often nothing waits: that takes no memory.
            pauses = []
            stream?.resumeReading()
        }
        lookForRest()
    }

    /// The present stanza's changes are submitted elsewhere. Until they are nothing behind it is handled: its count would be
    /// stored before them, and theirs after it.
    func wait(for submission: Submission) {
        guard durability.counts, !submission.isOver else { return }
        // The stream of somebody who waits for a room that does not answer goes on.
        let pause = beginPause(within: TimeAmount(host.iqTime)) {}
        submission.whenOver { [self] in loop.eventLoop.execute { self.end(pause) } }
    }

    /// Refuses all stanzas that wait, as the server stops.
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

    // MARK: Durability

    /// A group of the client's changes is durable, or has failed.
    func ended(_ group: SessionDurability.Group, isStored: Bool) {
        durability.ended(group, isStored: isStored)
        while let body = durability.next() { body() }
        lookForRest()
    }

    /// Calls `body` when the changes of all stanzas so far are durable, or their errors have been sent; at once if there are
    /// none.
    private func whenDurable(_ body: @escaping () -> Void) {
        guard !durability.isSettled else { return body() }
        durability.wait(body)
        hastenCommits()
    }

    /// Calls `body` when all stanzas so far are handled, and their changes durable. The stream has ended.
    func whenAtRest(_ body: @escaping () -> Void) {
        waitingForRest.append(body)
        hastenCommits()
        lookForRest()
    }

    /// Commits that wait for others to join them are made now. The group is empty, so there is no failure to hear of: those
    /// of the others go to their own completions.
    private func hastenCommits() { host.storage.submit([], .now, completion: nil) }

    private func lookForRest() {
        guard !waitingForRest.isEmpty, durability.isSettled, pauses.isEmpty else { return }
        for body in exchange(&waitingForRest, with: []) { body() }
    }

    // MARK: The count, XEP-0198 §4

    /// How many of the client's stanzas have been handled, modulo 2³².
    public var handled: UInt32 { durability.handled }

    /// Tells the client how many of its stanzas have been handled, once their changes and the count are durable. Requests
    /// that come meanwhile get one further answer together.
    public func answerCount() {
        guard !isAnswering else {
            mustAnswerAgain = true
            return
        }
        isAnswering = true
        let count = handled
        whenDurable { [self] in
            guard let change = durability.countToStore(count) else { return answer(count, isStored: true) }
            host.storage.submit([change], .now) { result in
                let isStored = self.host.failure(of: result) == nil
                self.loop.eventLoop.execute { self.answer(count, isStored: isStored) }
            }
        }
    }

    /// A count that could not be stored is not told. A request that has come meanwhile is still answered, if its own can.
    private func answer(_ count: UInt32, isStored: Bool) {
        if isStored { write(count) } else { durability.countFailed() }
        isAnswering = false
        guard mustAnswerAgain else { return }
        mustAnswerAgain = false
        answerCount()
    }

    private func write(_ count: UInt32) {
        stream?.write { $0.element("a", .streamManagement, ["h": String(count)]) }
    }

    /// The client has closed its stream: its last stanzas are acknowledged if their changes are durable.
    func streamCloses() {
        if durability.counts, durability.isSettled { write(handled) }
    }
}
