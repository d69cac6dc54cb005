import NIOCore
import NIOSSL
import NIOTLS
import XML
import XMPP

/// One client's connection: bytes in, actions out. The only place where a stream has effects.
///
/// The handler feeds `StreamStateMachine` with what the parser finds (or what `ElementFraming` says that has come),
/// performs the actions that it returns, and keeps what belongs to the connection rather than to the protocol: parser,
/// output buffer, times, rate limits, and the question whether to go on reading. It is confined to its
/// channel's event loop; only its reference travels.
public final class StreamHandler: ChannelDuplexHandler, @unchecked Sendable {
    public typealias InboundIn = ByteBuffer
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    /// Why nothing is read or processed right now.
    struct Pause: OptionSet {
        let rawValue: UInt8
        /// A look-up of the negotiation is under way.
        static let lookUp = Pause(rawValue: 1)
        /// The session waits for something that its next stanza must not overtake.
        static let session = Pause(rawValue: 2)
        /// The client sent more than its rate allows.
        static let rate = Pause(rawValue: 4)
        /// The server ends.
        static let shutDown = Pause(rawValue: 8)
    }

    public let loop: LoopContext
    let delegate: any StreamDelegate
    var machine: StreamStateMachine
    var parser: StreamParser
    var context: ChannelHandlerContext?
    private var sharedSettings: Shared<NegotiationSettings>?
    var settings: NegotiationSettings? { sharedSettings?.value }
    var idleTime: Duration? { sharedSettings?.value.idleTime }
    public internal(set) var session: (any StreamSession)?
    var pauses: Pause = []
    /// What the client can be sure of when it binds its sign-in to this connection.
    var binding = ChannelBinding()
    private var hello: ClientHelloReader?
    /// What the client has said of itself at its sign-in.
    public internal(set) var userAgent: UserAgent?
    /// The token that the client has signed in with; nil: it had another secret.
    public internal(set) var token: VerifiedToken?
    /// The installation that has signed in with its token; nil: the client had another secret.
    public internal(set) var installation: VerifiedInstallation?
    /// The account that signs in, or has.
    var account: FoundAccount?

    /// What modules have learned of the client before its sign-in, each under a name of its own. On the loop only.
    public var remembered: [String: String] = [:]

    var isReadWanted = false
    private var isProcessing = false
    private var isInputClosed = false

    var output = ByteBuffer()
    /// How many bytes of the output belong to the largest stanza that may wait beside all others.
    private var unboundedBytes = 0
    private var isDirty = false
    /// Whether the output is with a writer: what is appended meanwhile comes before what that writes.
    private var isWriting = false
    /// Whether the channel takes more, as it has said last.
    private var isWritable = true
    private var writtenWaiters: [(Bool) -> Void] = []

    /// What happens when the peer has taken too long, and when that is.
    var deadline: Deadline?
    /// When the loop looks at the stream's times; see `TimerQueue`.
    var onAgendaAt: NIODeadline?
    /// When the last complete element came.
    var lastStanza: NIODeadline = .uptimeNanoseconds(0)
    /// When the bytes came that are being processed, or processing went on: one look at the clock for all of them.
    var now: NIODeadline = .uptimeNanoseconds(0)
    private var byteRate: RateLimit?
    private var stanzaRate: RateLimit?

    /// - Parameters:
    ///   - layer: `.secured` for a connection that began with TLS.
    ///   - forwardedAddress: the client's, where that is not the connection's.
    public init(
        delegate: any StreamDelegate, loop: LoopContext, layer: StreamStateMachine.Layer = .plain,
        forwardedAddress: SocketAddress? = nil
    ) {
        peer = forwardedAddress
        self.delegate = delegate
        self.loop = loop
        machine = StreamStateMachine(layer: layer)
        parser = StreamParser(limits: delegate.unauthenticatedLimits)
    }

    public var eventLoop: any EventLoop { loop.eventLoop }
    private var peer: SocketAddress?
    /// The client's address; behind a proxy, that which the proxy tells. Known also when the connection has ended.
    public var remoteAddress: SocketAddress? { peer ?? context?.remoteAddress }
    public var channel: (any Channel)? { context?.channel }

    /// The language of the client's stream header, RFC 6120 §4.7.4.
    public internal(set) var language: String?

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

    /// Takes over what a proxy says of the client, before any of its bytes.
    public func isForwarded(from address: SocketAddress) { peer = address }

    private func started() {
        guard deadline == nil, !machine.isClosing else { return }
        if peer == nil { peer = context?.remoteAddress }
        setDeadline(.signIn, in: TimeAmount(delegate.signInTime))
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
        // An end without TLS's own goodbye is an end like others: ours is the closing tag.
        if case NIOSSLError.uncleanShutdown = error { return }
        // A TLS or socket error: nothing more can be said on this connection.
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

    /// Counts bytes that have come from the client.
    func count(_ bytes: Int) {
        now = eventLoop.now
        if byteRate != nil, let wait = byteRate?.take(bytes, now: now) {
            slowDown(wait)
        }
    }

    // MARK: TLS

    /// The handlers that put the connection on TLS, outermost first; to be added in front of this one.
    ///
    /// - Parameter skippingBlanks: whether white space may come before the first record.
    public func makeTLSHandlers(skippingBlanks: Bool = false) throws -> [any ChannelHandler] {
        let hello = ClientHelloReader(exporter: delegate.exporter, skippingBlanks: skippingBlanks)
        self.hello = hello
        return [hello, try delegate.makeTLSHandler()]
    }

    private func tlsEstablished() {
        machine.tlsEstablished()
        binding.data[.tlsExporter] = hello?.takeChannelBinding()
        binding.data[.tlsServerEndPoint] = hello.flatMap { delegate.serverEndPoint(for: $0.serverName) }
        if let hello, let context {
            context.pipeline.syncOperations.removeHandler(hello, promise: nil)
        }
        hello = nil
    }

    // MARK: Processing

    /// Handles all complete elements that have been received, unless something holds them up. Of a stream that is being
    /// closed only the peer's closing tag matters.
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
            guard !machine.isClosing else { return }
            close(streamError(for: error))
        }
    }

    func received(_ element: Element) {
        guard !machine.isClosing else { return }
        if stanzaRate != nil, let wait = stanzaRate?.take(1, now: now) {
            slowDown(wait)
        }
        lastStanza = now
        run(machine.elementReceived(element, binding: binding))
    }

    private func opened(_ root: Element) {
        guard !machine.isClosing else { return }
        do {
            opened(try StreamHeader(root, isClient: parser.hasContentNamespace(.client)))
        } catch {
            close(error)
        }
    }

    func opened(_ header: StreamHeader) {
        guard !machine.isClosing else { return }
        guard !machine.hasOpenStream else { return close(.badFormat) }
        let settings = header.to.flatMap { JID($0)?.string }.flatMap { delegate.settings(for: $0) }
        if sharedSettings == nil { sharedSettings = settings }
        language = header.language
        run(machine.headerReceived(header, settings: settings), header: header)
    }

    /// What the parser goes by right now.
    var limits: XMLLimits { parser.limits }

    func streamError(for error: XMLError) -> StreamError {
        switch error.kind {
        case .restrictedXML:
            return StreamError(.restrictedXml)
        case .unsupportedEncoding:
            return StreamError(.unsupportedEncoding)
        case .badNamespacePrefix:
            return StreamError(.badNamespacePrefix)
        case .tooLarge where settings?.oversizedStanza != .notWellFormed, .limitExceeded:
            return StreamError(.policyViolation, text: error.reason)
        case .tooLarge, .notWellFormed:
            let prefix = settings?.malformedTextPrefix ?? ""
            let position = "Line \(error.line), position \(error.position)."
            return StreamError(.notWellFormed, text: "\(prefix)\(error.reason) \(position)")
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

    /// Lets the session keep back all further stanzas until it says `goOn`.
    public func pauseReading() { pause(.session) }
    public func resumeReading() { resume(.session) }

    private func slowDown(_ wait: TimeAmount) {
        guard !pauses.contains(.rate), !isInputClosed, !machine.isClosing else { return }
        pause(.rate)
        eventLoop.assumeIsolated().scheduleTask(in: wait) { self.resume(.rate) }
    }

    /// Takes in whatever comes from now on: the stream is being closed.
    func readOn() {
        pauses = []
        process()
        guard isReadWanted else { return }
        isReadWanted = false
        context?.read()
    }

    /// From now on the limits of the host hold instead of those for strangers.
    func raiseLimits() {
        guard let settings else { return }
        parser.limits = settings.limits
        byteRate = rateLimit(settings.bytes)
        stanzaRate = rateLimit(settings.stanzas)
    }

    private func rateLimit(_ rate: NegotiationSettings.Rate?) -> RateLimit? {
        rate.map { RateLimit(perSecond: $0.perSecond, burst: $0.burst, now: eventLoop.now) }
    }

    // MARK: Output

    /// How much may wait before whoever has more to write waits for the client, `whenWritten`.
    private static let window = 256 << 10

    /// How many bytes may be written now by somebody who has much to write; 0 or less: the client has to read first.
    public var room: Int {
        min(Self.window, (sharedSettings?.value.outgoingQueue ?? Self.window) / 2) - output.readableBytes
    }

    /// Appends one complete stanza, or part of the negotiation; it is written at the end of this tick.
    ///
    /// - Parameter isAwaited: whether the client has been waited for, or waits: what may wait for it does not count
    ///   this stanza, however large it is.
    public func append(_ bytes: ByteBuffer, isAwaited: Bool = false) {
        guard !hasSentClose else { return }
        var bytes = bytes
        let count = bytes.readableBytes
        if output.readableBytes == 0 {
            output = bytes
        } else {
            output.writeBuffer(&bytes)
        }
        didAppend(count, isAwaited)
    }

    /// Lets `body` write directly behind what waits already. What `body` has others append comes before its own.
    ///
    /// - Parameter isAwaited: as for `append`.
    public func write(isAwaited: Bool = false, _ body: (inout XMLWriter) -> Void) {
        guard !hasSentClose else { return }
        // Straight into the writer: a second owner would make it copy the buffer.
        let former = output.readableBytes
        var writer = XMLWriter(
            appendingTo: output.storageCapacity > 0 ? exchange(&output, with: ByteBuffer()) : loop.takeBuffer())
        let isNested = exchange(&isWriting, with: true)
        body(&writer)
        isWriting = isNested
        let appended = exchange(&output, with: writer.finish())
        let count = output.readableBytes - former
        if appended.readableBytes > 0 { insert(appended, at: former) }
        // `body` may have had the stream closed.
        if hasSentClose {
            output.moveWriterIndex(to: output.writerIndex - count)
        } else {
            didAppend(count, isAwaited)
        }
    }

    private func insert(_ bytes: ByteBuffer, at offset: Int) {
        var bytes = bytes
        guard let rest = output.getSlice(at: output.readerIndex + offset, length: output.readableBytes - offset) else {
            return
        }
        output.moveWriterIndex(to: output.readerIndex + offset)
        output.writeBuffer(&bytes)
        output.writeImmutableBuffer(rest)
    }

    private func didAppend(_ count: Int, _ isAwaited: Bool) {
        if !isDirty {
            isDirty = true
            loop.markDirty(self)
        }
        if isAwaited { unboundedBytes = max(unboundedBytes, count) }
        if let sharedSettings, output.readableBytes - unboundedBytes > sharedSettings.value.outgoingQueue {
            output = ByteBuffer()
            ended(.error(.resourceConstraint))
            context?.close(promise: nil)
        }
    }

    /// Writes what waits, unless the client does not read; then it waits on.
    public func flush() {
        // At the end of the tick, then.
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

    /// Calls `body` when the connection has taken all that waits now; with `false` if it has not before its end.
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

    var hasSentClose = false
    var isAwaitingRedirectedClient = false
    private(set) var hasEnded = false

    /// Tells the session once that its stream is gone.
    func ended(_ reason: StreamEnd) {
        guard !hasEnded else { return }
        hasEnded = true
        for body in exchange(&writtenWaiters, with: []) { body(false) }
        hasSentClose = true
        machine.connectionEnded()
        deadline = nil
        session?.streamEnded(reason)
        session = nil
    }

    /// The peer sends no more. What it sent before counts, at whatever rate it came.
    private func inputEnded() {
        pauses.remove(.rate)
        process()
        guard pauses.isEmpty, !hasEnded else { return }
        if isAwaitingRedirectedClient {
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
