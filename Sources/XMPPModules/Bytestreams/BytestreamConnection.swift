import NIOCore

/// One end of a stream at the proxy: it speaks SOCKS5 (RFC 1928) until it has named its stream, is silent until the stream
/// begins, and then what comes goes to the other end, piece by piece, as fast as that takes it.
///
/// **Bounded.** It has named its stream, and that has begun, within `waitTime`; nothing is read meanwhile, and at most
/// `mostEarly` bytes are kept of a side that ends before. Of a stream, one read each way is in memory; of a side that ends,
/// also what the kernel has received. A stream in which nothing passes for `idleTime` ends.
///
/// Lives on its channel's loop; only its reference travels.
final class BytestreamConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer

    /// Bytes that may come before the stream begins.
    static let mostEarly = 262_144

    private enum State {
        case greeting
        case naming
        case waiting
        case passing(BytestreamConnection)
        case closed
    }

    let channel: any Channel
    private let streams: Bytestreams
    private var state = State.greeting
    private var name: String?
    private var received = ByteBuffer()
    private var isCounted = false
    private var isInputClosed = false
    private var deadline: Scheduled<Void>?
    /// When the bytes that have passed may have passed by the stream's rate.
    private var paid = NIODeadline.distantPast
    /// When bytes passed, either way.
    private var lastUse = NIODeadline.distantPast
    /// Pieces on their way to the other end.
    private var underWay = 0
    private var hasToldEnd = false

    init(_ channel: any Channel, _ streams: Bytestreams) {
        self.channel = channel
        self.streams = streams
    }

    private var loop: NIOIsolatedEventLoop { channel.eventLoop.assumeIsolated() }
    private var now: NIODeadline { channel.eventLoop.now }

    func handlerAdded(context: ChannelHandlerContext) {
        isCounted = streams.begin()
        guard isCounted else { return close() }
        deadline = loop.scheduleTask(in: TimeAmount(streams.limits.waitTime)) { [weak self] in self?.close() }
        channel.closeFuture.whenComplete { [self] _ in
            ended()
        }
    }

    private func ended() {
        deadline?.cancel()
        // The other end still gets what is on its way to it. That this one has said all may not have been told: NIO closes
        // a channel whose output is closed as soon as its input ends, without `inputClosed`.
        if case .passing(let peer) = state, underWay == 0 { peer.channel.close(promise: nil) }
        state = .closed
        if isCounted { streams.end(self, named: name) }
        isCounted = false
    }

    private func close() { channel.close(promise: nil) }

    // MARK: SOCKS5

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        switch state {
        case .greeting, .naming:
            received.writeBuffer(&bytes)
            negotiate()
        case .waiting:
            // Bytes that came before the client was told that it may send. Of a client that has closed its half all that
            // the kernel has is read.
            guard received.readableBytes + bytes.readableBytes <= Self.mostEarly else { return close() }
            received.writeBuffer(&bytes)
        case .passing(let peer): pass(bytes, to: peer)
        case .closed: break
        }
    }

    private func negotiate() {
        if case .greeting = state {
            // Version, count, methods: without authentication, as the stream's name is the secret.
            guard let head = received.getBytes(at: received.readerIndex, length: 2) else { return }
            guard head[0] == 5 else { return close() }
            guard let methods = received.getBytes(at: received.readerIndex + 2, length: Int(head[1])) else { return }
            received.moveReaderIndex(forwardBy: 2 + methods.count)
            guard methods.contains(0) else { return refuse([5, 0xFF]) }
            answer([5, 0])
            state = .naming
        }
        // Version, CONNECT, 0, a name of 40 digits, port 0.
        guard case .naming = state, received.readableBytes >= 5,
            let head = received.getBytes(at: received.readerIndex, length: 5)
        else { return }
        guard head[0] == 5 else { return close() }
        guard head[1] == 1, head[3] == 3, head[4] == 40 else { return refuse([5, 7, 0, 1, 0, 0, 0, 0, 0, 0]) }
        guard received.readableBytes >= 47 else { return }
        received.moveReaderIndex(forwardBy: 5)
        let digits = received.readBytes(length: 40) ?? []
        received.moveReaderIndex(forwardBy: 2)
        let name = String(decoding: digits, as: UTF8.self).lowercased()
        guard streams.add(self, named: name) else { return refuse([5, 2, 0, 1, 0, 0, 0, 0, 0, 0]) }
        self.name = name
        // Nothing more is read until the stream begins.
        state = .waiting
        channel.setOption(.autoRead, value: false).whenFailure { [channel] _ in channel.close(promise: nil) }
        answer([5, 0, 0, 3, 40] + digits + [0, 0])
    }

    private func answer(_ bytes: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    private func refuse(_ bytes: [UInt8]) {
        state = .closed
        received = ByteBuffer()
        channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { [channel] _ in channel.close(promise: nil) }
    }

    // MARK: The stream

    /// Has what comes go to another connection from now on. From any thread.
    func pass(to peer: BytestreamConnection) {
        channel.eventLoop.execute { [self] in
            guard case .waiting = state else { return peer.channel.close(promise: nil) }
            state = .passing(peer)
            deadline?.cancel()
            lastUse = now
            watch()
            received.readableBytes > 0 ? pass(received, to: peer) : channel.read()
            received = ByteBuffer()
            if isInputClosed { end(peer) }
        }
    }

    private func pass(_ bytes: ByteBuffer, to peer: BytestreamConnection) {
        lastUse = now
        let rate = streams.limits.rate
        if rate > 0 {
            paid = max(paid, now) + .nanoseconds(Int64(bytes.readableBytes) * 1_000_000_000 / Int64(rate))
        }
        underWay += 1
        let written = peer.channel.writeAndFlush(bytes)
        // On the peer's loop: it may have nothing to send itself, and must not take the stream for a silent one.
        written.whenSuccess { peer.lastUse = peer.now }
        written.hop(to: channel.eventLoop).assumeIsolated().whenComplete { [self] result in
            underWay -= 1
            guard case .success = result else { return close() }
            lastUse = now
            if case .closed = state {
                if underWay == 0 { peer.channel.close(promise: nil) }
                return
            }
            if isInputClosed { return end(peer) }
            guard rate > 0, paid > now else { return channel.read() }
            loop.scheduleTask(deadline: paid) { [channel] in channel.read() }
        }
    }

    /// One side says no more; the other one may.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return }
        isInputClosed = true
        switch state {
        case .passing(let peer): end(peer)
        // The other end is told when the stream begins.
        case .waiting: break
        case .greeting, .naming, .closed: close()
        }
    }

    /// Tells the other end that no more comes, once it has all: if it says no more itself, its connection ends with that, and
    /// with it what it has not taken yet.
    private func end(_ peer: BytestreamConnection) {
        guard underWay == 0, !hasToldEnd else { return }
        hasToldEnd = true
        peer.channel.close(mode: .output).whenFailure { [channel] _ in channel.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    private func watch() {
        let idle = TimeAmount(streams.limits.idleTime)
        deadline = loop.scheduleTask(deadline: lastUse + idle) { [weak self] in
            guard let self else { return }
            now - lastUse >= idle ? close() : watch()
        }
    }
}
