import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// A connection of a browser or an app, HTTP/1.1 (RFC 9112): requests one after the other, each answered once, in a
/// task of its own, until one is upgraded to another protocol or the connection ends.
///
/// **Bounds.** The head of a request is complete within `headTime` of the connection's begin or the last answer, each
/// `bodyPiece` of its body within `bodyTime`, not counting the time in which the server takes none, and each piece of an
/// answer is taken within `writeTime`. While a request is being answered nothing is read; at most `mostEarly` parts that
/// had come already wait. At most `HTTPExchange.enough` bytes and one read of a body wait to be consumed.
///
/// Lives on its channel's loop; only its reference travels.
final class HTTPConnection: ChannelDuplexHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPServerResponsePart

    static let headTime = TimeAmount.seconds(60)
    static let bodyTime = TimeAmount.seconds(60)
    /// Bytes of a body that may not take longer than `bodyTime`.
    static let bodyPiece = 65_536
    static let writeTime = TimeAmount.seconds(60)
    /// How long a client may take to close its side of the connection.
    private static let lingerTime = TimeAmount.seconds(2)
    /// The maximum parts of further requests that wait for the answer of the present one.
    private static let mostEarly = 256

    private enum State {
        /// Between two requests.
        case waiting
        case serving(HTTPExchange)
        /// A request asks for an upgrade, and is not complete yet.
        case upgrading(WebUpgrade, HTTPRequest, HTTPFields)
        /// The HTTP handlers are being removed.
        case turning
        case closing
    }

    private enum Event {
        case part(HTTPServerRequestPart)
        case failure(HTTPParserError)
        /// The client sends no more.
        case inputClosed
    }

    let channel: any Channel
    let web: WebResponder
    /// Succeeds when the connection is no HTTP connection any more.
    var finished: EventLoopFuture<Void> { finishedPromise.futureResult }

    private let finishedPromise: EventLoopPromise<Void>
    private let encoder = HTTPResponseEncoder()
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private var context: ChannelHandlerContext?
    private var state = State.waiting
    private var early = CircularBuffer<Event>()
    /// Input received during an upgrade.
    private var unread = CircularBuffer<NIOAny>()
    private var isHandling = false
    private var isReadWanted = false
    private var isInputClosed = false
    /// Whether more requests came at once than may wait.
    private var isFull = false
    private var isStopping = false
    private var deadline: Scheduled<Void>?
    /// Whether the client owes something within a time.
    var isTiming: Bool { deadline != nil }
    /// Bytes of the body that have come since there was a deadline for them.
    private var received = 0

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

    /// Starts reading; on the loop.
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

    /// Ends after the present request's answer, or when patience ends.
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

    /// Waits until it is no HTTP connection any more.
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

    /// Some of the body of the present request has been consumed.
    func wasConsumed(from exchange: HTTPExchange) {
        // The client was not to send any more; from now on it is.
        if deadline == nil, exchange.wantsMore, case .serving(let present) = state, present === exchange {
            expectBody(of: exchange)
        }
        readIfWanted()
    }

    private func readIfWanted() {
        guard isReadWanted, wantsMore else { return }
        isReadWanted = false
        context?.read()
    }

    private func take(_ event: Event) {
        if case .inputClosed = event { isInputClosed = true }
        // No honest client sends so much at once: what is there is answered, and nothing else.
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
            received += bytes.readableBytes
            if !exchange.wantsMore {
                deadline?.cancel()
                deadline = nil
            } else if received >= Self.bodyPiece {
                expectBody(of: exchange)
            }
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
        // The time for the whole head, not for its first byte.
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
        // RFC 9112 §3.2: an ambiguous host is refused.
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
        // Other upgrades are ignored (RFC 9110 §7.8). The decoder stops behind such a request.
        let isLast = head.method == .CONNECT || !request.protocols.isEmpty
        let exchange = HTTPExchange(
            self, request, version: head.version, keepsAlive: head.isKeepAlive && !isLast,
            isExpectingContinue: expectation != nil && head.version != .http1_0)
        state = .serving(exchange)
        deadline = nil
        // A client that waits for leave owes nothing yet.
        if !exchange.isExpectingContinue { expectBody(of: exchange) }
        exchange.begin()
    }

    private func expectBody(of exchange: HTTPExchange) {
        received = 0
        wait(Self.bodyTime) { connection in
            exchange.fail()
            if exchange.isAnswering {
                connection.channel.close(promise: nil)
            } else {
                connection.refuse(.requestTimeout)
            }
        }
    }

    private func refuse(_ error: HTTPParserError) {
        web.note("request cannot be read", error, channel)
        switch error {
        case .headerOverflow: refuse(.requestHeaderFieldsTooLarge)
        case .invalidVersion: refuse(.httpVersionNotSupported)
        default: refuse(.badRequest)
        }
    }

    /// Answers an invalid request, and closes: the begin of the next one is unknown.
    private func refuse(_ status: HTTPResponseStatus) {
        let head = HTTPResponseHead(
            version: .http1_1, status: status, headers: ["Connection": "close", "Content-Length": "0"])
        context?.write(wrapOutboundOut(.head(head)), promise: nil)
        context?.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        close()
    }

    /// Closes our side, and the connection when the client has seen it: what it still sends must not discard the answer
    /// (RFC 9112 §9.6).
    private func close(within time: TimeAmount = HTTPConnection.lingerTime) {
        state = .closing
        early.removeAll()
        guard !isInputClosed, !isStopping else { return channel.close(promise: nil) }
        wait(time) { $0.channel.close(promise: nil) }
        channel.close(mode: .output).whenFailure { [channel] _ in channel.close(promise: nil) }
        readIfWanted()
    }

    // MARK: Answers

    /// Whether another exchange may follow one that is about to be answered.
    func keepsAlive(after exchange: HTTPExchange) -> Bool { exchange.isReceived && !isStopping }

    /// Writes a piece of the present request's answer, and waits until it is sent.
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
            // A browser shows no answer before it has sent its whole request.
            exchange.fail()
            return close(within: Self.bodyTime)
        }
        guard exchange.keepsAlive, !isStopping else { return close() }
        if isFull, early.isEmpty { return close() }
        expectHead()
        handleEvents()
        readIfWanted()
    }

    /// Ends the connection if the rest of this request's answer will not come.
    func abandon(_ exchange: HTTPExchange) {
        channel.eventLoop.execute { [self] in
            // An incomplete answer must not look complete.
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
        // The decoder passes on unread input when it is removed.
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
