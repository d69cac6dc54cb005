import Crypto
import NIOCore
import XML
import XMPP

/// A BOSH session, XEP-0124: numbered requests on one side, a `BOSHChannel` with a stream's handlers on the other.
///
/// **Bounds.** A client may have two open requests, or one that is early, each answered after at most `wait`. The
/// content of an early request is kept until its turn, even if it has been answered by then. The session ends after
/// `inactivity` without an open request. Output beyond `enough` bytes waits in the stream, under the stream's own
/// limit. Requests are not processed while the stream is paused.
///
/// **Repeats.** The last answers are kept, as a client that lost one repeats the request.
///
/// Lives on its channel's loop.
final class BOSHSession: BOSHChannel.Owner, @unchecked Sendable {
    /// The body of a response.
    typealias Answer = EventLoopPromise<ByteBuffer>

    /// A request without an answer.
    private struct Open {
        let number: Int
        var answer: Answer
        let alarm: Scheduled<Void>?
    }

    static let longestWait = 60
    static let inactivity = 60
    /// The minimum seconds between empty requests of a polling client.
    static let polling = 5
    private static let enough = 65_536

    let id: String
    private let channel: BOSHChannel
    private let domain: String?
    private let language: String?
    private let wait: TimeAmount
    /// The number of responses held back: 1, or 0 for a polling client.
    private let hold: Int
    private let ended: (BOSHSession) -> Void

    /// The number of the next request to process.
    private var next: Int
    /// Bodies of early requests.
    private var early: [Int: BOSHBody] = [:]
    /// By number. Requests from `next` on are answered when they have been processed, or with an empty body when they
    /// have waited too long.
    private var open: [Open] = []
    private var answered: [(number: Int, response: ByteBuffer)] = []
    private var output: [ByteBuffer] = []
    private var outputBytes = 0
    /// Promises for output that no response has carried yet.
    private var promises: [EventLoopPromise<Void>] = []
    /// From the stream's first header, until the response with it is written.
    private var header: (id: String?, from: String?)?
    private var isCreated = false
    private var isReading = true
    private var isProcessing = false
    /// Whether the stream has closed.
    private var isClosing = false
    private var isOver = false
    private var condition: BOSHCondition?
    private var key: String?
    private var lastPoll: NIODeadline?
    private var inactive: Scheduled<Void>?

    private var window: Int { hold + 1 }

    init(_ first: BOSHBody, on channel: BOSHChannel, ended: @escaping (BOSHSession) -> Void) {
        self.channel = channel
        self.ended = ended
        id = SecureRandom.text(length: 24)
        domain = first.domain
        language = first.element.attribute("lang", .xml)
        hold = min(max(first.number("hold") ?? 1, 0), 1)
        wait = .seconds(Int64(min(max(first.number("wait") ?? Self.longestWait, 0), Self.longestWait)))
        next = first.requestID
    }

    // MARK: Requests

    func take(_ body: BOSHBody, _ answer: Answer) {
        let number = body.requestID
        if let repeated = answered.first(where: { $0.number == number }) {
            return answer.succeed(repeated.response)
        }
        if let index = open.firstIndex(where: { $0.number == number }) {
            // The client has given up the first request's connection.
            let former = exchange(&open[index].answer, with: answer)
            return former.succeed(written([]))
        }
        guard !isOver else {
            answer.succeed(written(exchange(&output, with: [])))
            return ended(self)
        }
        guard number >= next, number < next + window else {
            answer.succeed(Self.refusal(.itemNotFound))
            return end(.itemNotFound)
        }
        inactive?.cancel()
        early[number] = body
        let alarm: Scheduled<Void> = channel.eventLoop.assumeIsolated().scheduleTask(in: wait) { [weak self] in
            self?.answer(number)
        }
        let index = open.firstIndex { $0.number > number } ?? open.endIndex
        open.insert(Open(number: number, answer: answer, alarm: alarm), at: index)
        process()
    }

    /// Processes the requests whose turn has come.
    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        defer { isProcessing = false }
        while isReading, !isOver, let body = early.removeValue(forKey: next) {
            next += 1
            handle(body)
        }
    }

    private func handle(_ body: BOSHBody) {
        guard isKeyRight(body), isSlowEnough(body) else { return end(.policyViolation) }
        let parts = body.parts(domain: domain, language: language)
        if !parts.isEmpty {
            isReading = false
            for part in parts {
                switch part {
                case .message(let message): channel.pipeline.fireChannelRead(message)
                case .enclosed(let enclosed): channel.pipeline.fireUserInboundEventTriggered(enclosed)
                }
            }
            channel.pipeline.fireChannelReadComplete()
            channel.pipeline.read()
        }
        guard !isOver else { return }
        respond()
        while held > hold, isCreated { answerOldest() }
    }

    /// XEP-0124 §15: each key is the hash of the one used after it.
    private func isKeyRight(_ body: BOSHBody) -> Bool {
        if let expected = key {
            guard let shown = body.element["key"] else { return false }
            let hash = Insecure.SHA1.hash(data: Array(shown.utf8)).map { byte in
                String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
            }
            guard hash.joined() == expected.lowercased() else { return false }
            key = shown
        }
        if let new = body.element["newkey"] { key = new }
        return true
    }

    /// XEP-0124 §12: a polling client must leave time between its empty requests.
    private func isSlowEnough(_ body: BOSHBody) -> Bool {
        guard hold == 0, isCreated, body.isEmpty else { return true }
        let now = channel.eventLoop.now
        defer { lastPoll = now }
        return lastPoll.map { now - $0 >= .seconds(Int64(Self.polling)) } ?? true
    }

    // MARK: Responses

    /// The number of processed requests that wait for an answer.
    private var held: Int { open.count { $0.number < next } }

    /// Answers the oldest held request if there is output.
    private func respond() {
        guard held > 0, !output.isEmpty else { return }
        // The first response waits for the stream's header.
        if !isCreated, header == nil { return }
        answerOldest()
    }

    /// A request, and those before it, have waited long enough.
    private func answer(_ number: Int) {
        while isCreated || header != nil, open.contains(where: { $0.number == number }) { answerOldest() }
    }

    private func answerOldest() {
        guard !open.isEmpty else { return }
        let request = open.removeFirst()
        request.alarm?.cancel()
        let response = written(exchange(&output, with: []))
        outputBytes = 0
        answered.append((request.number, response))
        if answered.count > window { answered.removeFirst() }
        request.answer.succeed(response)
        for promise in exchange(&promises, with: []) { promise.succeed() }
        if open.isEmpty, !isOver { watch() }
        channel.setWritable(true)
    }

    private func watch() {
        inactive?.cancel()
        inactive = channel.eventLoop.assumeIsolated().scheduleTask(in: .seconds(Int64(Self.inactivity))) {
            [weak self] in
            guard let self else { return }
            // XEP-0124 §10: the session ends silently, and later requests refer to an unknown one.
            endInput()
            finish()
            ended(self)
        }
    }

    /// Closes the input of the stream.
    private func endInput() {
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    private func written(_ content: [ByteBuffer]) -> ByteBuffer {
        var writer = XMLWriter(contentNamespace: .none)
        writer.start("body", .bosh)
        if !isCreated, let header {
            isCreated = true
            writer.attribute("xmlns:xmpp", Namespace.xbosh.name)
            writer.attribute("sid", id)
            writer.attribute("authid", header.id)
            writer.attribute("from", header.from)
            writer.attribute("ver", "1.11" as StaticString)
            writer.attribute("wait", Int(wait.nanoseconds / 1_000_000_000))
            writer.attribute("hold", hold)
            writer.attribute("requests", window)
            writer.attribute("inactivity", Self.inactivity)
            writer.attribute("polling", Self.polling)
            writer.attribute("xmpp:version", "1.0" as StaticString)
            writer.attribute("xmpp:restartlogic", "true" as StaticString)
        }
        if isOver {
            writer.attribute("type", "terminate" as StaticString)
            writer.attribute("condition", condition?.rawValue)
        }
        writer.text("")
        var bytes = writer.finish()
        for var element in content { bytes.writeBuffer(&element) }
        bytes.writeStaticString("</body>")
        return bytes
    }

    /// The response to a request without a session.
    static func refusal(_ condition: BOSHCondition) -> ByteBuffer {
        var writer = XMLWriter(contentNamespace: .none)
        writer.element("body", .bosh, ["type": "terminate", "condition": condition.rawValue])
        return writer.finish()
    }

    // MARK: The stream

    func written(_ message: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        if let promise { promises.append(promise) }
        guard !isOver else { return endPromises() }
        guard let element = try? Element(ownOutput: message) else {
            // Nothing of a stream is left out.
            condition = .remoteStreamError
            isClosing = true
            return
        }
        if element.isNamed("open", .framing) {
            if !isCreated { header = (element["id"], element["from"]) }
            return
        }
        if element.isNamed("close", .framing) {
            isClosing = true
            return
        }
        if element.isNamed("error", .streams) {
            condition = Self.condition(of: element)
            isClosing = true
        }
        output.append(message)
        outputBytes += message.readableBytes
        if outputBytes > Self.enough { channel.setWritable(false) }
    }

    /// The condition for a stream error. Errors before the stream begins have conditions of their own, XEP-0124 §17.2.
    private static func condition(of error: Element) -> BOSHCondition {
        if error.hasChild("host-unknown", .streamErrors) { return .hostUnknown }
        if error.hasChild("improper-addressing", .streamErrors) { return .improperAddressing }
        return .remoteStreamError
    }

    func flushed() {
        guard isClosing, !isOver else { return respond() }
        finish()
        // The client has ended its side of the stream.
        channel.eventLoop.assumeIsolated().execute { self.endInput() }
    }

    func readRequested() {
        isReading = true
        process()
    }

    /// The stream is over; open requests are answered so.
    func closed() {
        finish()
    }

    /// The server stops; on the loop.
    func shutDown() { end(.systemShutdown) }

    /// The client broke the rules, or cannot be served any more.
    private func end(_ condition: BOSHCondition) {
        guard !isOver else { return }
        self.condition = condition
        endInput()
        finish()
    }

    /// No further response carries output.
    private func endPromises() {
        for promise in exchange(&promises, with: []) { promise.fail(ChannelError.ioOnClosedChannel) }
    }

    private func finish() {
        guard !isOver else { return }
        isOver = true
        if !isCreated, header == nil { header = (nil, nil) }
        inactive?.cancel()
        early = [:]
        let isAsked = !open.isEmpty
        while !open.isEmpty { answerOldest() }
        endPromises()
        guard !isAsked else { return ended(self) }
        // The next request gets the reason.
        channel.eventLoop.assumeIsolated().scheduleTask(in: .seconds(Int64(Self.inactivity))) { self.ended(self) }
    }
}
