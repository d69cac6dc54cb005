import Crypto
import NIOCore
import XML
import XMPP

/// A stream whose client asks for what there is to read, XEP-0124: requests in the order of their numbers on the one
/// side, a `BOSHChannel` with a stream's handlers on the other.
///
/// **Bounded.** A client may have two requests open, or one that is early, and waits for the answer to each at most `wait`,
/// whatever becomes of the others. What an early one says is kept until its turn comes; it has been answered meanwhile if
/// that takes longer. The session ends when no request was open during `inactivity`. What the stream writes meanwhile waits
/// in the stream, under its own limit, as soon as `enough` bytes wait here. Requests are not looked into while the stream
/// is paused.
///
/// **Repeats.** The last answers are kept, as a client that lost one asks again with the same number.
///
/// Lives on its channel's loop.
final class BOSHSession: BOSHChannel.Owner, @unchecked Sendable {
    /// What a response says.
    typealias Answer = EventLoopPromise<ByteBuffer>

    /// A request that waits for its answer.
    private struct Open {
        let number: Int
        var answer: Answer
        let alarm: Scheduled<Void>?
    }

    static let longestWait = 60
    static let inactivity = 60
    /// Seconds between two empty requests of a client that does not wait.
    static let polling = 5
    private static let enough = 65_536

    let id: String
    private let channel: BOSHChannel
    private let domain: String?
    private let language: String?
    private let wait: TimeAmount
    /// Responses that may be held back: 1, or 0 for a client that polls.
    private let hold: Int
    private let ended: (BOSHSession) -> Void

    /// The number of the request whose turn it is.
    private var next: Int
    /// What the stream has not been told yet.
    private var early: [Int: BOSHBody] = [:]
    /// In the order of their numbers. Those from `next` on have their answers when the stream has been told what they say,
    /// or an empty one when they have waited for that too long.
    private var open: [Open] = []
    private var answered: [(number: Int, response: ByteBuffer)] = []
    private var output: [ByteBuffer] = []
    private var outputBytes = 0
    /// Who waits until a response has carried what waits here.
    private var promises: [EventLoopPromise<Void>] = []
    /// What the stream's first header said, until the response with it is written.
    private var header: (id: String?, from: String?)?
    private var isCreated = false
    private var isReading = true
    private var isProcessing = false
    /// The stream has said its last word.
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
            // The client has given up the connection of the first one.
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

    /// Goes through the requests whose turn has come.
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

    /// XEP-0124 §15: each key is the hash of the one that is used after it.
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

    /// XEP-0124 §12: a client that polls must leave time between its empty requests.
    private func isSlowEnough(_ body: BOSHBody) -> Bool {
        guard hold == 0, isCreated, body.isEmpty else { return true }
        let now = channel.eventLoop.now
        defer { lastPoll = now }
        return lastPoll.map { now - $0 >= .seconds(Int64(Self.polling)) } ?? true
    }

    // MARK: Responses

    /// How many requests the stream has been told of that wait for an answer.
    private var held: Int { open.count { $0.number < next } }

    /// Answers the oldest request that is held if there is something to say.
    private func respond() {
        guard held > 0, !output.isEmpty else { return }
        // The first response names the session, so it waits for the stream's header.
        if !isCreated, header == nil { return }
        answerOldest()
    }

    /// A request has waited long enough, and so have those before it.
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
            // XEP-0124 §10: nobody is told, and who asks yet is nobody that is known.
            endInput()
            finish()
            ended(self)
        }
    }

    /// Tells the stream that there is nobody any more.
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

    /// The response to a request that no session answers.
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

    /// What a stream error is to the client. Where it could not even begin has names of its own, XEP-0124 §17.2.
    private static func condition(of error: Element) -> BOSHCondition {
        if error.hasChild("host-unknown", .streamErrors) { return .hostUnknown }
        if error.hasChild("improper-addressing", .streamErrors) { return .improperAddressing }
        return .remoteStreamError
    }

    func flushed() {
        guard isClosing, !isOver else { return respond() }
        finish()
        // The client has nothing more to say to the stream.
        channel.eventLoop.assumeIsolated().execute { self.endInput() }
    }

    func readRequested() {
        isReading = true
        process()
    }

    /// The stream is over: whoever asks is told so.
    func closed() {
        finish()
    }

    /// The server stops; on the loop.
    func shutDown() { end(.systemShutdown) }

    /// The client has broken the rules, or cannot be served any more.
    private func end(_ condition: BOSHCondition) {
        guard !isOver else { return }
        self.condition = condition
        endInput()
        finish()
    }

    /// No response carries any more what waits.
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
        // The next request gets to know why.
        channel.eventLoop.assumeIsolated().scheduleTask(in: .seconds(Int64(Self.inactivity))) { self.ended(self) }
    }
}
