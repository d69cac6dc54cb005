import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization
import XMPP

/// A client over TCP that says what it is told to.
final class TestClient: Sendable {
    struct TLS: Sendable {
        var name: String?
        var protocols: [String] = []
        var maximumVersion: TLSVersion?
        var minimumVersion = TLSVersion.tlsv1
    }

    struct Ended: Error, CustomStringConvertible {
        let received: String
        var description: String { "the connection ended behind: \(received.suffix(500))" }
    }

    let channel: any Channel
    private let inbox: Inbox

    init(port: Int, tls: TLS? = nil, receiveBuffer: Int? = nil) async throws {
        let inbox = Inbox()
        self.inbox = inbox
        var bootstrap = ClientBootstrap(group: TestServer.group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandlers(Self.handlers(tls, inbox)) }
                    try channel.pipeline.syncOperations.addHandler(inbox)
                }
            }
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
        }
        channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get()
        if tls != nil { try await inbox.secured() }
    }

    private static func handlers(_ tls: TLS, _ inbox: Inbox) throws -> [any ChannelHandler] {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .noHostnameVerification
        configuration.applicationProtocols = tls.protocols
        configuration.minimumTLSVersion = tls.minimumVersion
        configuration.maximumTLSVersion = tls.maximumVersion
        configuration.shutdownTimeout = .seconds(1)
        let context = try NIOSSLContext(configuration: configuration)
        return [
            try NIOSSLClientHandler(context: context, serverHostname: tls.name) { chain, promise in
                inbox.certificate = (try? chain.first?.toDERBytes()) ?? []
                promise.succeed(.certificateVerified)
            }
        ]
    }

    // MARK: Talking

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    /// What comes until `text` has come; it is not read again.
    @discardableResult
    func read(until text: String) async throws -> String { try await inbox.read(until: text) }

    /// What comes until the connection ends.
    func readToEnd() async -> String { await inbox.readToEnd() }

    /// What is there already.
    var unread: String { inbox.unread }

    func stopReading() async throws { try await channel.setOption(.autoRead, value: false).get() }

    func close() async throws { try? await channel.close() }

    // MARK: TLS

    /// The certificate that the server showed, in DER.
    var certificate: [UInt8] { inbox.certificate }
    var negotiatedProtocol: String? { inbox.negotiatedProtocol }

    func startTLS(_ tls: TLS) async throws {
        try await channel.eventLoop.submit { [channel, inbox] in
            try channel.pipeline.syncOperations.addHandlers(Self.handlers(tls, inbox), position: .first)
        }.get()
        try await inbox.secured()
    }

    // MARK: XMPP

    static func header(_ host: String) -> String {
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
            + "to='\(host)' version='1.0'>"
    }

    func open(_ host: String = "example.org") async throws -> String {
        try await send(Self.header(host))
        return try await read(until: "</stream:features>")
    }

    /// From the stream's header to a bound resource. Returns the full JID.
    @discardableResult
    func signIn(
        _ user: String, host: String = "example.org", password: String = "secret", resource: String? = nil
    ) async throws -> String {
        _ = try await open(host)
        try await authenticate(user, password)
        try await read(until: "<success")
        _ = try await open(host)
        return try await bind(resource)
    }

    func authenticate(_ user: String, _ password: String) async throws {
        let message = Base64.encode(Array("\0\(user)\0\(password)".utf8))
        try await send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\(message)</auth>")
    }

    func bind(_ resource: String?) async throws -> String {
        let child = resource.map { "<resource>\($0)</resource>" } ?? ""
        try await send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\(child)</bind></iq>")
        let answer = try await read(until: "</iq>")
        guard let start = answer.firstRange(of: "<jid>"), let end = answer.firstRange(of: "</jid>") else {
            throw Ended(received: answer)
        }
        return String(answer[start.upperBound..<end.lowerBound])
    }

    /// Waits until the server has handled all that was sent before.
    func ping(_ id: String = "sync") async throws -> String {
        try await send("<iq type='get' id='\(id)'><ping xmlns='urn:xmpp:ping'/></iq>")
        return try await read(until: "id=\"\(id)\"") + read(until: ">")
    }
}

/// What a client has received, and who waits for it.
private final class Inbox: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private struct State {
        var unread = ""
        var hasEnded = false
        var isSecured = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        var certificate: [UInt8] = []
        var negotiatedProtocol: String?
        var bytes: [UInt8] = []
    }

    private let state = Mutex(State())

    var certificate: [UInt8] {
        get { state.withLock { $0.certificate } }
        set { state.withLock { $0.certificate = newValue } }
    }
    var negotiatedProtocol: String? { state.withLock { $0.negotiatedProtocol } }
    var unread: String { state.withLock { $0.unread } }

    private func change(_ body: (inout State) -> Void) {
        let waiting = state.withLock { state in
            body(&state)
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        change { state in
            state.bytes += buffer.readableBytesView
            // A character may be split.
            guard let text = String(validating: state.bytes, as: UTF8.self) else { return }
            state.unread += text
            state.bytes = []
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted(let name) = event {
            change { state in
                state.isSecured = true
                state.negotiatedProtocol = name
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) { change { $0.hasEnded = true } }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        change { $0.hasEnded = true }
        context.close(promise: nil)
    }

    /// Waits until `body` has an answer.
    private func wait<Value: Sendable>(_ body: (inout State) throws -> Value?) async throws -> Value {
        while true {
            var found: Value?
            var failure: (any Error)?
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    do { found = try body(&state) } catch { failure = error }
                    if found == nil, failure == nil {
                        state.waiting.append(continuation)
                        return false
                    }
                    return true
                }
                if isReady { continuation.resume() }
            }
            if let failure { throw failure }
            if let found { return found }
        }
    }

    func secured() async throws {
        try await wait { state in
            if state.isSecured { return () }
            if state.hasEnded { throw TestClient.Ended(received: state.unread) }
            return nil
        }
    }

    func read(until text: String) async throws -> String {
        try await wait { state in
            if let range = state.unread.firstRange(of: text) {
                let read = String(state.unread[..<range.upperBound])
                state.unread.removeSubrange(..<range.upperBound)
                return read
            }
            if state.hasEnded { throw TestClient.Ended(received: state.unread) }
            return nil
        }
    }

    func readToEnd() async -> String {
        let text = try? await wait { $0.hasEnded ? $0.unread : nil }
        return text ?? ""
    }
}
