import NIOCore
import NIOSSL

/// One connection to the server, and the stream on it. Everything happens on the fleet's event loop.
final class Client: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// How far it has come.
    enum State {
        case connecting
        case awaitingFeatures
        case awaitingProceed
        case authenticating
        case awaitingFeaturesAgain
        case binding
        case arriving
        case registering
        case ready
        case closing
        case closed
    }

    unowned let fleet: Fleet
    /// Its place in the fleet.
    let index: Int
    /// The number of the account that it signs in to.
    let user: Int
    var state = State.connecting
    /// When it began to connect.
    let startedAt = uptime()
    var scram: SCRAMClient?
    var mustAskForSession = false

    private var context: ChannelHandlerContext?
    private var scanner = StanzaScanner()
    /// What has come and is not handled: the beginning of a stanza.
    private var received = ByteBuffer()
    private var startsAnew = false
    private var output = ByteBuffer()
    private var isDirty = false

    /// What is kept of an output buffer that has been written.
    private static let keptOutput = 16_384

    init(fleet: Fleet, index: Int, user: Int) {
        self.fleet = fleet
        self.index = index
        self.user = user
    }

    var isReady: Bool { state == .ready }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        if fleet.target.speaksLines {
            becameReady()
        } else {
            state = .awaitingFeatures
            writeHeader()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if received.readableBytes == 0 {
            received = bytes
        } else {
            received.writeBuffer(&bytes)
        }
        if fleet.target.speaksLines { splitLines() } else { split() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard state != .closed else { return }
        let wasExpected = state == .closing
        let wasReady = state == .ready
        state = .closed
        fleet.ended(self, wasReady: wasReady, wasExpected: wasExpected)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case NIOSSLError.uncleanShutdown = error { return }
        if state != .closing { fleet.complain("\(name): \(error)") }
        context.close(promise: nil)
    }

    // MARK: Input

    private func split() {
        let bytes = received
        bytes.withUnsafeReadableBytes { memory in
            while let event = scanner.next(in: memory) {
                switch event {
                case .opened: break
                case .closed: end()
                case .stanza(let range): handle(ReceivedStanza(bytes: UnsafeRawBufferPointer(rebasing: memory[range])))
                }
                if startsAnew || state == .closed { return }
            }
        }
        guard !startsAnew, state != .closed else {
            startsAnew = false
            scanner = StanzaScanner()
            received = ByteBuffer()
            return
        }
        keep(from: scanner.start, of: bytes)
        scanner.discard()
    }

    private func splitLines() {
        let bytes = received
        var start = 0
        bytes.withUnsafeReadableBytes { memory in
            while let length = memory[start...].firstIndex(of: 0x0A).map({ $0 + 1 - start }) {
                let line = UnsafeRawBufferPointer(rebasing: memory[start..<(start + length)])
                start += length
                fleet.work?.received(ReceivedStanza(bytes: line), by: self)
            }
        }
        keep(from: start, of: bytes)
    }

    private func keep(from start: Int, of bytes: ByteBuffer) {
        guard start > 0 else { return }
        received = ByteBuffer()
        guard start < bytes.readableBytes else { return }
        var bytes = bytes
        bytes.moveReaderIndex(forwardBy: start)
        received = bytes
    }

    private func handle(_ stanza: ReceivedStanza) {
        switch state {
        case .ready:
            if stanza.isNamed("stream:error") { return fleet.complain("\(name): \(stanza.excerpt)") }
            fleet.work?.received(stanza, by: self)
        case .closing, .closed, .connecting:
            break
        case .arriving:
            fleet.work?.received(stanza, by: self)
            signIn(stanza)
        default:
            signIn(stanza)
        }
    }

    /// The stream begins anew: after TLS has begun, and after sign-in.
    func startAnew() {
        startsAnew = true
    }

    // MARK: Output

    /// Adds to what is written at the end of this tick.
    @inline(__always)
    func write(_ body: (inout ByteBuffer) -> Void) {
        body(&output)
        guard !isDirty else { return }
        isDirty = true
        fleet.markDirty(self)
    }

    func write(_ text: String) {
        write { $0.writeString(text) }
    }

    func flush() {
        isDirty = false
        guard output.readableBytes > 0, state != .closed, let context else { return }
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
        if output.capacity > Self.keptOutput {
            output = ByteBuffer()
        } else {
            output.clear()
        }
    }

    func startTLS() {
        do {
            if let handler = try fleet.makeTLSHandler() {
                try context?.pipeline.syncOperations.addHandler(handler, position: .first)
            }
        } catch {
            fleet.complain("\(name): \(error)")
            end()
        }
    }

    // MARK: Ends

    /// Closes the stream; the server then closes the connection.
    func close() {
        guard state != .closing, state != .closed else { return }
        let wasReady = state == .ready
        state = .closing
        if wasReady { fleet.noLongerReady() }
        if fleet.target.speaksLines { end() } else { write("</stream:stream>") }
    }

    /// Drops the connection.
    func end() {
        context?.close(promise: nil)
    }

    func becameReady() {
        state = .ready
        fleet.becameReady(self)
    }
}
