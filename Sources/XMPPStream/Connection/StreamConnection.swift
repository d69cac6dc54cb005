import NIOCore
import NIOSSL
import NIOTLS
import XML
import XMPP

/// A connection with a stream: bytes in, elements out, and back. Its `StreamNegotiation` knows the kind of stream and
/// how it is established.
///
/// The connection finds elements with its parser (or gets them from `ElementFraming`), and has what all streams need:
/// output, deadlines, rate limits, pauses of reading, and closing. Until there is a session, elements go to the
/// negotiation; then stanzas go directly to the session. Confined to its channel's event loop; only its reference
/// travels.
public final class StreamConnection: ChannelDuplexHandler, @unchecked Sendable {
    public typealias InboundIn = ByteBuffer
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    /// Reasons why nothing is read or processed now.
    struct Pause: OptionSet {
        let rawValue: UInt8
        /// A look-up of the negotiation is in progress.
        static let lookUp = Pause(rawValue: 1)
        /// The session waits for something that its next stanza must not overtake.
        static let session = Pause(rawValue: 2)
        /// The peer exceeded its rate.
        static let rate = Pause(rawValue: 4)
        /// The server stops.
        static let shutDown = Pause(rawValue: 8)
    }

    /// The stages of closing a stream, RFC 6120 §4.4.
    enum Phase: UInt8, Comparable {
        case open
        /// The peer has been redirected, and must close the stream first.
        case redirected
        /// Our closing tag has been written.
        case closing
        /// Nothing is sent or received any more.
        case ended

        static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
    }

    public let loop: LoopContext
    let negotiation: any StreamNegotiation
    var parser: StreamParser
    var context: ChannelHandlerContext?
    /// Takes the stream's stanzas; nil: there is none yet, or no more.
    var session: (any StreamSession)?
    var pauses: Pause = []
    var phase = Phase.open
    private var hello: ClientHelloReader?
    /// Made the TLS handlers of the present handshake.
    private var tls: (any TLSProvider)?

    var isReadWanted = false
    private var isProcessing = false
    private var isInputClosed = false

    var output = ByteBuffer()
    /// The maximum bytes of waiting output.
    private var outgoingQueue = StreamConnection.window
    /// The bytes of output of the largest stanza that may exceed that.
    private var unboundedBytes = 0
    private var isDirty = false
    /// Whether a writer has the output: what is appended meanwhile comes before that writer's output.
    private var isWriting = false
    /// The channel's last writability.
    private var isWritable = true
    private var writtenWaiters: [(Bool) -> Void] = []

    /// The next deadline for the peer.
    var deadline: Deadline?
    /// The stream's time in the loop's `TimerQueue`.
    var queuedFor: NIODeadline?
    /// When the last complete element came.
    var lastStanza: NIODeadline = .uptimeNanoseconds(0)
    /// How long a session's peer may be silent; nil: unlimited.
    private(set) var idleTime: TimeAmount?
    /// The time at which the present bytes came, or processing continued: read once for all of them.
    private var now: NIODeadline = .uptimeNanoseconds(0)
    private var byteRate: RateLimit?
    private var stanzaRate: RateLimit?

    /// - Parameter forwardedAddress: the peer's address if it is not the connection's.
    init(_ negotiation: any StreamNegotiation, loop: LoopContext, forwardedAddress: SocketAddress? = nil) {
        peer = forwardedAddress
        self.negotiation = negotiation
        self.loop = loop
        parser = StreamParser(limits: negotiation.limits, contentNamespace: negotiation.contentNamespace)
        negotiation.begin(on: self)
    }

    public var eventLoop: any EventLoop { loop.eventLoop }
    private var peer: SocketAddress?
    /// The peer's address; behind a proxy, the one in the proxy's header. Also known after the end of the connection.
    public var remoteAddress: SocketAddress? { peer ?? context?.remoteAddress }
    var channel: (any Channel)? { context?.channel }

    /// The language of the peer's stream header, RFC 6120 §4.7.4.
    public private(set) var language: String?

    var isClosing: Bool { phase > .open }
    var hasEnded: Bool { phase == .ended }
    private var hasSentClose: Bool { phase >= .closing }

    // MARK: Channel

    public func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        isWritable = context.channel.isWritable
        loop.added(self)
        if context.channel.isActive { started() }
    }

    public func channelActive(context: ChannelHandlerContext) {
        started()
        context.fireChannelActive()
    }

    /// Sets the peer's address from a proxy's header, before any of its bytes.
    public func isForwarded(from address: SocketAddress) { peer = address }

    private func started() {
        guard deadline == nil, !isClosing else { return }
        if peer == nil { peer = context?.remoteAddress }
        setDeadline(.session, in: TimeAmount(negotiation.time))
    }

    public func handlerRemoved(context: ChannelHandlerContext) {
        ended(.lost)
        loop.removed(self)
        self.context = nil
    }

    public func channelInactive(context: ChannelHandlerContext) {
        isInputClosed = true
        ended(.lost)
        context.fireChannelInactive()
    }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An end without TLS's close-notify is like any other: the stream's end is its closing tag.
        if case NIOSSLError.uncleanShutdown = error { return }
        // A TLS or socket error: nothing more can be sent on this connection.
        ended(.lost)
        context.close(promise: nil)
    }

    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted:
            tlsEstablished()
        case ChannelEvent.inputClosed:
            isInputClosed = true
            inputEnded()
        default:
            break
        }
        context.fireUserInboundEventTriggered(event)
    }

    public func read(context: ChannelHandlerContext) {
        if pauses.isEmpty {
            context.read()
        } else {
            isReadWanted = true
        }
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasEnded else { return }
        let buffer = unwrapInboundIn(data)
        count(buffer.readableBytes)
        parser.feed(buffer)
        loop.handleRead(at: now) { process() }
    }

    /// Counts received bytes.
    func count(_ bytes: Int) {
        now = eventLoop.now
        if byteRate != nil, let wait = byteRate?.take(bytes, now: now) {
            slowDown(wait)
        }
    }

    // MARK: TLS

    /// The handlers for TLS, outermost first; to be added in front of this one.
    ///
    /// - Parameter skippingBlanks: whether white space may come before the first record.
    public func makeTLSHandlers(skippingBlanks: Bool = false) throws -> [any ChannelHandler] {
        guard let tls = negotiation.tls else { throw ChannelError.operationUnsupported }
        let hello = ClientHelloReader(exporter: tls.exporter, skippingBlanks: skippingBlanks)
        self.hello = hello
        self.tls = tls
        return [hello, tls.makeTLSHandler()]
    }

    /// Starts TLS, on which the stream begins anew, RFC 6120 §5.4.3.
    ///
    /// - Parameter answer: the last element without TLS.
    func startTLS(behind answer: StaticString) throws {
        guard let context else { throw ChannelError.ioOnClosedChannel }
        let handlers = try makeTLSHandlers(skippingBlanks: true)
        parser.reset()
        append(ByteBuffer(staticString: answer))
        // All of it now, even if the peer does not read: later output is on TLS.
        writeOutput(context, promise: nil)
        try context.pipeline.syncOperations.addHandlers(handlers, position: .first)
    }

    private func tlsEstablished() {
        var binding = ChannelBinding()
        binding.data[.tlsExporter] = hello?.takeChannelBinding()
        binding.data[.tlsServerEndPoint] = hello.flatMap { tls?.serverEndPoint(for: $0.serverName) }
        negotiation.tlsEstablished(binding)
        if let hello, let context {
            context.pipeline.syncOperations.removeHandler(hello, promise: nil)
        }
        hello = nil
        tls = nil
    }

    // MARK: Processing

    /// Handles all complete received elements, unless paused. While closing, only the peer's closing tag matters.
    func process() {
        guard !isProcessing else { return }
        isProcessing = true
        defer { isProcessing = false }
        do {
            while pauses.isEmpty, !hasEnded, let event = try parser.next() {
                switch event {
                case .element(let element): received(element)
                case .opened(let root): opened(root)
                case .closed: closedByPeer()
                }
            }
        } catch {
            fail(error)
        }
    }

    func received(_ element: Element) {
        guard !isClosing else { return }
        if stanzaRate != nil, let wait = stanzaRate?.take(1, now: now) {
            slowDown(wait)
        }
        lastStanza = now
        if let session, element.isIn(.client) {
            session.received(element)
        } else {
            negotiation.received(element)
        }
    }

    private func opened(_ root: Element) {
        guard !isClosing else { return }
        do {
            let isContent = parser.hasContentNamespace(negotiation.contentNamespace)
            opened(try StreamHeader(root, hasContentNamespace: isContent))
        } catch {
            close(error)
        }
    }

    func opened(_ header: StreamHeader) {
        guard !isClosing else { return }
        guard !negotiation.hasOpenStream else { return close(.badFormat) }
        language = header.language
        negotiation.received(header)
    }

    /// The peer sent invalid XML.
    func fail(_ error: XMLError) {
        guard !isClosing else { return }
        close(negotiation.streamError(for: error))
    }

    /// The parser's present limits.
    var limits: XMLLimits { parser.limits }

    /// From now on the stream's stanzas go to the session.
    func begin(_ session: any StreamSession) {
        self.session = session
        deadline = nil
        lastStanza = eventLoop.now
        lookAgain()
    }

    // MARK: Waiting

    /// Continues with a value: at once, or when it is there; reading pauses until then.
    func wait<Value: Sendable>(_ answer: Eventual<Value>, then: @escaping @Sendable (Value) -> Void) {
        switch answer {
        case .now(let value): then(value)
        case .later(let body): wait(body, then: then)
        }
    }

    /// Pauses reading, waits for `body` outside the loop and passes its result to `then` on the loop, unless the stream
    /// ends first.
    func wait<Value: Sendable>(
        _ body: @escaping @Sendable () async -> Value, then: @escaping @Sendable (Value) -> Void
    ) {
        pause(.lookUp)
        Task { [self] in
            let value = await body()
            eventLoop.execute { [self] in
                guard context != nil, !isClosing else { return }
                then(value)
                resume(.lookUp)
            }
        }
    }

    // MARK: Flow of the input

    func pause(_ reason: Pause) {
        pauses.insert(reason)
    }

    func resume(_ reason: Pause) {
        pauses.remove(reason)
        guard pauses.isEmpty else { return }
        now = eventLoop.now
        if isInputClosed { return inputEnded() }
        process()
        guard pauses.isEmpty else { return }
        if isReadWanted {
            isReadWanted = false
            context?.read()
        }
    }

    /// Lets the session hold further stanzas until it calls `resumeReading`.
    public func pauseReading() { pause(.session) }
    public func resumeReading() { resume(.session) }

    private func slowDown(_ wait: TimeAmount) {
        guard !pauses.contains(.rate), !isInputClosed, !isClosing else { return }
        pause(.rate)
        eventLoop.assumeIsolated().scheduleTask(in: wait) { self.resume(.rate) }
    }

    /// Accepts all input from now on: the stream is closing.
    func readOn() {
        pauses = []
        process()
        guard isReadWanted else { return }
        isReadWanted = false
        context?.read()
    }

    /// Applies the limits for an authenticated peer.
    func raiseLimits(_ settings: ConnectionSettings) {
        parser.limits = settings.limits
        outgoingQueue = settings.outgoingQueue
        idleTime = settings.idleTime.map { TimeAmount($0) }
        byteRate = rateLimit(settings.bytes)
        stanzaRate = rateLimit(settings.stanzas)
    }

    private func rateLimit(_ rate: ConnectionSettings.Rate?) -> RateLimit? {
        rate.map { RateLimit(perSecond: $0.perSecond, burst: $0.burst, now: eventLoop.now) }
    }

    // MARK: Output

    /// The amount of waiting output beyond which a batch waits for the peer, `whenWritten`.
    private static let window = 256 << 10

    /// How many bytes a batch may write now; 0 or less: the peer must read first.
    public var room: Int { min(Self.window, outgoingQueue / 2) - output.readableBytes }

    /// Appends one complete stanza, or part of the negotiation; it is written at the end of this tick.
    ///
    /// - Parameter isAwaited: whether the client waits for it, or was waited for: such a stanza may exceed the bound
    ///   for waiting output.
    public func append(_ bytes: ByteBuffer, isAwaited: Bool = false) {
        guard !hasSentClose else { return }
        let count = bytes.readableBytes
        var waiting = exchange(&output, with: ByteBuffer())
        if waiting.readableBytes == 0 { waiting = bytes } else { waiting.writeImmutableBuffer(bytes) }
        didAppend(count, isAwaited, to: waiting)
    }

    /// Lets `body` write directly behind the waiting output. Output that `body` causes elsewhere comes first.
    ///
    /// - Parameter isAwaited: as for `append`.
    public func write(isAwaited: Bool = false, _ body: (inout XMLWriter) -> Void) {
        guard !hasSentClose else { return }
        // Moved into the writer: a second owner would make it copy the buffer.
        let waiting = exchange(&output, with: ByteBuffer())
        let former = waiting.readableBytes
        var writer = XMLWriter(appendingTo: waiting.storageCapacity > 0 ? consume waiting : loop.takeBuffer())
        let isNested = isWriting
        isWriting = true
        body(&writer)
        isWriting = isNested
        var all = writer.finish()
        let count = all.readableBytes - former
        let appended = exchange(&output, with: ByteBuffer())
        if appended.readableBytes > 0 { Self.insert(appended, into: &all, at: former) }
        // `body` may have closed the stream.
        if hasSentClose {
            all.moveWriterIndex(to: all.writerIndex - count)
            output = all
        } else {
            didAppend(count, isAwaited, to: all)
        }
    }

    private static func insert(_ bytes: ByteBuffer, into all: inout ByteBuffer, at offset: Int) {
        guard let rest = all.getSlice(at: all.readerIndex + offset, length: all.readableBytes - offset) else { return }
        all.moveWriterIndex(to: all.readerIndex + offset)
        all.writeImmutableBuffer(bytes)
        all.writeImmutableBuffer(rest)
    }

    /// Puts the output back with the bytes that were appended to it.
    private func didAppend(_ count: Int, _ isAwaited: Bool, to all: ByteBuffer) {
        output = all
        if !isDirty {
            isDirty = true
            loop.markDirty(self)
        }
        if isAwaited { unboundedBytes = max(unboundedBytes, count) }
        if all.readableBytes - unboundedBytes > outgoingQueue {
            output = ByteBuffer()
            ended(.error(.resourceConstraint))
            context?.close(promise: nil)
        }
    }

    /// Writes waiting output, unless the client does not read.
    public func flush() {
        // Then at the end of the tick.
        guard !isWriting else { return }
        isDirty = false
        guard output.readableBytes > 0, let context, isWritable else { return }
        writeOutput(context, promise: nil)
    }

    func writeOutput(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) {
        let bytes = exchange(&output, with: ByteBuffer())
        unboundedBytes = 0
        var promise = promise
        if !writtenWaiters.isEmpty {
            let waiters = exchange(&writtenWaiters, with: [])
            let written = promise ?? eventLoop.makePromise()
            written.futureResult.assumeIsolated().whenComplete { result in
                let isWritten = if case .success = result { true } else { false }
                for body in waiters { body(isWritten) }
            }
            promise = written
        }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
        loop.giveBack(bytes)
    }

    /// Calls `body` when the connection has taken all output that waits now; with false if it ended before.
    public func whenWritten(_ body: @escaping (Bool) -> Void) {
        guard !hasEnded else { return body(false) }
        guard output.readableBytes > 0 else { return body(true) }
        writtenWaiters.append(body)
        flush()
    }

    public func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable { flush() }
        context.fireChannelWritabilityChanged()
    }

    // MARK: End

    /// Tells the session once that its stream has ended.
    func ended(_ reason: StreamEnd) {
        guard !hasEnded else { return }
        phase = .ended
        for body in exchange(&writtenWaiters, with: []) { body(false) }
        deadline = nil
        session?.streamEnded(reason)
        session = nil
    }

    /// The peer sends no more. Everything before is still processed, at any rate.
    private func inputEnded() {
        pauses.remove(.rate)
        process()
        guard pauses.isEmpty, !hasEnded else { return }
        if phase == .redirected {
            finishClosing()
        } else {
            flush()
            ended(.lost)
            context?.close(promise: nil)
        }
    }
}

/// Replaces a value and returns the former one, without a copy of either.
@inline(__always)
package func exchange<Value>(_ value: inout Value, with other: consuming Value) -> Value {
    let former = value
    value = other
    return former
}
