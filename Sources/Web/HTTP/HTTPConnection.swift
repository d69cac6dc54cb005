import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// A browser's or an app's connection, HTTP/1.1 (RFC 9112): requests one after the other, each answered once and in a task
/// of its own, until one of them asks for another protocol or the connection ends.
///
/// **Bounded.** The head of a request is complete within `headTime` of the connection's begin or of the last answer, its
/// body within `bodyTime` of its head, and each piece of an answer is taken within `writeTime`. While a request is being
/// answered nothing is read; of what had come behind it, `mostEarly` parts wait. Of a body, what nobody has asked for yet
/// is at most `HTTPExchange.enough` and one read.
///
/// Lives on its channel's loop; only its reference travels.
final class HTTPConnection: ChannelDuplexHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPServerResponsePart

    static let headTime = TimeAmount.seconds(60)
    static let bodyTime = TimeAmount.seconds(60)
    static let writeTime = TimeAmount.seconds(60)
    /// How long a client may take to agree to the end of its connection.
    private static let lingerTime = TimeAmount.seconds(2)
    /// Parts of requests that wait for the answer of the one before, until there is no further request.
    private static let mostEarly = 256

    private enum State {
        /// Between two requests.
        case waiting
        case serving(HTTPExchange)
        /// A request asks for another protocol, and has not ended yet.
        case upgrading(WebUpgrade, HTTPRequest, HTTPFields)
        /// What knows of HTTP is taken away.
        case turning
        case closing
    }

    private enum Event {
        case part(HTTPServerRequestPart)
        case failure(HTTPParserError)
        /// The client says no more.
        case inputClosed
    }

    let channel: any Channel
    let web: WebResponder
    /// Succeeds when the connection is no connection of HTTP any more.
    var finished: EventLoopFuture<Void> { finishedPromise.futureResult }

    private let finishedPromise: EventLoopPromise<Void>
    private let encoder = HTTPResponseEncoder()
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private var context: ChannelHandlerContext?
    private var state = State.waiting
    private var early = CircularBuffer<Event>()
    /// What came while the connection turned to another protocol.
    private var unread = CircularBuffer<NIOAny>()
    private var isHandling = false
    private var isReadWanted = false
    private var isInputClosed = false
    /// More requests have come in one go than wait here.
    private var isFull = false
    private var isStopping = false
    private var deadline: Scheduled<Void>?

    init(_ channel: any Channel, _ web: WebResponder) {
        self.channel = channel
        self.web = web
        finishedPromise = channel.eventLoop.makePromise()
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = 16 * 1024
        limits.maxHeaderFieldSize = 8 * 1024
        limits.maxHeaderFieldCount = 100
        decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
    }

    /// Begins to read; on the loop.
    func begin() throws {
        do {
            try channel.pipeline.syncOperations.addHandlers([encoder, decoder, self])
        } catch {
            finishedPromise.succeed()
            throw error
        }
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        expectHead()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        deadline?.cancel()
        finishedPromise.succeed()
    }

    /// Ends it when the request that it is about has been answered, or when patience ends.
    func stop() {
        channel.eventLoop.execute { [self] in
            isStopping = true
            switch state {
            case .waiting, .upgrading, .closing: channel.close(promise: nil)
            case .serving:
                let alarm = channel.eventLoop.assumeIsolated().scheduleTask(in: WebService.patience) { [channel] in
                    channel.close(promise: nil)
                }
                channel.closeFuture.whenComplete { _ in alarm.cancel() }
            case .turning: break
            }
        }
    }

    /// Waits until it is no connection of HTTP any more.
    func hasFinished() async {
        await withCheckedContinuation { continuation in finished.whenComplete { _ in continuation.resume() } }
    }

    // MARK: From the client

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .turning = state { return unread.append(data) }
        take(.part(unwrapInboundIn(data)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            web.note("connection failed", error, channel)
            return context.close(promise: nil)
        }
        take(.failure(error))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return context.fireUserInboundEventTriggered(event) }
        take(.inputClosed)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .serving(let exchange) = state { exchange.fail() }
        state = .closing
        early.removeAll()
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func read(context: ChannelHandlerContext) {
        if wantsMore { context.read() } else { isReadWanted = true }
    }

    private var wantsMore: Bool {
        switch state {
        case .waiting, .upgrading, .closing: true
        case .serving(let exchange): exchange.wantsMore
        case .turning: false
        }
    }

    func readIfWanted() {
        guard isReadWanted, wantsMore else { return }
        isReadWanted = false
        context?.read()
    }

    private func take(_ event: Event) {
        if case .inputClosed = event { isInputClosed = true }
        // Nobody asks for so much at once: what is there is answered, and nothing else.
        if case .part(.head) = event, early.count >= Self.mostEarly { isFull = true }
        guard !isFull else { return }
        early.append(event)
        handleEvents()
    }

    private func handleEvents() {
        guard !isHandling else { return }
        isHandling = true
        defer { isHandling = false }
        while !early.isEmpty {
            if case .serving(let exchange) = state, exchange.isReceived { return }
            handle(early.removeFirst())
        }
    }

    private func handle(_ event: Event) {
        switch (state, event) {
        case (.waiting, .part(.head(let head))):
            begin(head)
        case (.waiting, .failure(let error)):
            refuse(error)
        case (.waiting, .inputClosed), (.upgrading, .failure), (.upgrading, .inputClosed), (.closing, .inputClosed):
            channel.close(promise: nil)
        case (.serving(let exchange), .part(.body(let bytes))):
            exchange.received(bytes)
        case (.serving(let exchange), .part(.end)):
            deadline?.cancel()
            exchange.receivedAll()
        case (.serving(let exchange), .failure(let error)):
            exchange.fail()
            if exchange.isAnswering { channel.close(promise: nil) } else { refuse(error) }
        case (.serving(let exchange), .inputClosed):
            exchange.fail()
            channel.close(promise: nil)
        case (.upgrading(let upgrade, let request, let fields), .part(.end)):
            turn(to: upgrade, request, fields)
        case (.closing, .part(.end)):
            wait(Self.lingerTime) { $0.channel.close(promise: nil) }
        case (.waiting, .part), (.serving, .part), (.upgrading, .part), (.turning, _), (.closing, _):
            break
        }
    }

    private func expectHead() {
        state = .waiting
        // It is the time for all of the head, not for its first byte.
        wait(Self.headTime) { $0.channel.close(promise: nil) }
    }

    private func wait(_ time: TimeAmount, then body: @escaping (HTTPConnection) -> Void) {
        deadline?.cancel()
        deadline = channel.eventLoop.assumeIsolated().scheduleTask(in: time) { [weak self] in
            if let self { body(self) }
        }
    }

    // MARK: Requests

    private func begin(_ head: HTTPRequestHead) {
        deadline?.cancel()
        // RFC 9112 §3.2: a request for whom nobody can tell is a trick.
        let hosts = head.headers["host"].count
        guard hosts == 1 || (hosts == 0 && head.version == .http1_0),
            let request = try? HTTPRequest(head, secure: false, splitCookie: false)
        else { return refuse(.badRequest) }
        let expectation = head.headers.first(name: "expect")?.lowercased()
        guard expectation == nil || expectation == "100-continue" else { return refuse(.expectationFailed) }
        if head.version != .http1_0, request.hasNoBody, let upgrade = web.upgrade(request),
            let fields = upgrade.agree(request)
        {
            state = .upgrading(upgrade, request, fields)
            return wait(Self.bodyTime) { $0.channel.close(promise: nil) }
        }
        // Any other upgrade is not followed (RFC 9110 §7.8). The decoder looks at nothing behind such a request.
        let isLast = head.method == .CONNECT || !request.protocols.isEmpty
        let exchange = HTTPExchange(
            self, request, version: head.version, keepsAlive: head.isKeepAlive && !isLast,
            isExpectingContinue: expectation != nil && head.version != .http1_0)
        state = .serving(exchange)
        wait(Self.bodyTime) { connection in
            exchange.fail()
            if exchange.isAnswering {
                connection.channel.close(promise: nil)
            } else {
                connection.refuse(.requestTimeout)
            }
        }
        exchange.begin()
    }

    private func refuse(_ error: HTTPParserError) {
        web.note("request cannot be read", error, channel)
        switch error {
        case .headerOverflow: refuse(.requestHeaderFieldsTooLarge)
        case .invalidVersion: refuse(.httpVersionNotSupported)
        default: refuse(.badRequest)
        }
    }

    /// Answers what cannot be handled, and closes: where the next request begins is not known.
    private func refuse(_ status: HTTPResponseStatus) {
        let head = HTTPResponseHead(
            version: .http1_1, status: status, headers: ["Connection": "close", "Content-Length": "0"])
        context?.write(wrapOutboundOut(.head(head)), promise: nil)
        context?.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        close()
    }

    /// Ends our side, and the connection as soon as the client has seen it: what it is sending still must not keep the
    /// answer from it (RFC 9112 §9.6).
    private func close(within time: TimeAmount = HTTPConnection.lingerTime) {
        state = .closing
        early.removeAll()
        guard !isInputClosed, !isStopping else { return channel.close(promise: nil) }
        wait(time) { $0.channel.close(promise: nil) }
        channel.close(mode: .output).whenFailure { [channel] _ in channel.close(promise: nil) }
        readIfWanted()
    }

    // MARK: Answers

    /// Whether an exchange that is about to be answered may be followed by another one.
    func keepsAlive(after exchange: HTTPExchange) -> Bool { exchange.isReceived && !isStopping }

    /// Writes a piece of the answer to the request whose turn it is, and waits until it is on its way.
    func write(_ part: HTTPServerResponsePart, of exchange: HTTPExchange) -> EventLoopFuture<Void> {
        guard case .serving(let present) = state, present === exchange, let context else {
            return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        let written = channel.eventLoop.makePromise(of: Void.self)
        let alarm = channel.eventLoop.assumeIsolated().scheduleTask(in: Self.writeTime) { [channel] in
            channel.close(promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(part), promise: written)
        written.futureResult.whenComplete { _ in alarm.cancel() }
        return written.futureResult
    }

    func hasAnswered(_ exchange: HTTPExchange) {
        guard case .serving(let present) = state, present === exchange else { return }
        guard exchange.isReceived else {
            // A browser shows no answer before it has sent all that it wanted to.
            exchange.fail()
            return close(within: Self.bodyTime)
        }
        guard exchange.keepsAlive, !isStopping else { return close() }
        if isFull, early.isEmpty { return close() }
        expectHead()
        handleEvents()
        readIfWanted()
    }

    /// Ends the connection if the answer to this request, or what is left of it, will not come.
    func abandon(_ exchange: HTTPExchange) {
        channel.eventLoop.execute { [self] in
            // Nobody must take what was said for the whole answer.
            if case .serving(let present) = state, present === exchange { channel.close(promise: nil) }
        }
    }

    // MARK: Other protocols

    private func turn(to upgrade: WebUpgrade, _ request: HTTPRequest, _ fields: HTTPFields) {
        deadline?.cancel()
        let head = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: HTTPHeaders(fields))
        context?.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        state = .turning
        let pipeline = channel.pipeline.syncOperations
        // The decoder hands over what it has not looked at when it goes.
        pipeline.removeHandler(decoder).flatMap { [self] in
            channel.pipeline.syncOperations.removeHandler(encoder)
        }.whenComplete { [self] result in
            guard case .success = result, channel.isActive, let context else { return channel.close(promise: nil) }
            do {
                try upgrade.takeOver(channel, web.client(request, channel))
            } catch {
                web.note("upgrade failed", error, channel)
                return channel.close(promise: nil)
            }
            while let data = unread.popFirst() { context.fireChannelRead(data) }
            context.fireChannelReadComplete()
            if isInputClosed { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
            if isReadWanted { context.read() }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        }
    }
}
