import NIOCore
import NIOTLS
import Synchronization
import XML
import XMPP

@testable import XMPPStream

/// A server of one host with one account, `romeo` with the password `wherefore`.
final class StubDelegate: StreamDelegate, StreamHost, TLSProvider {
    let fallbackDomain = "example.org"
    let unauthenticatedLimits: XMLLimits
    let signInTime: Duration
    let redirectTime: Duration
    let exporter = TLSExporter()
    let settings: Shared<NegotiationSettings>
    /// Further domains by which the host can be found.
    private let others: [String]
    /// Called where a look-up would wait, before it is answered.
    private let look: @Sendable () async -> Void
    private let state = Mutex(State())

    struct State {
        var session: StubSession?
        var ended: [String] = []
        var tls: FakeTLSHandler?
        var lookUps = 0
    }

    init(
        _ host: NegotiationSettings = .inClear(),
        unauthenticatedLimits: XMLLimits = XMLLimits(),
        signInTime: Duration = .seconds(30),
        redirectTime: Duration = .seconds(5),
        others: [String] = [],
        look: @escaping @Sendable () async -> Void = {}
    ) {
        settings = Shared(host)
        self.unauthenticatedLimits = unauthenticatedLimits
        self.signInTime = signInTime
        self.redirectTime = redirectTime
        self.others = others
        self.look = look
    }

    var session: StubSession? { state.withLock { $0.session } }
    var tls: (any TLSProvider)? { self }
    var tlsHandler: FakeTLSHandler? { state.withLock { $0.tls } }
    /// What was reported of sign-ins.
    var signIns: [String] { state.withLock { $0.ended } }

    /// How often it was asked for a host.
    var lookUps: Int { state.withLock { $0.lookUps } }

    func host(for domain: String) -> (any StreamHost)? {
        state.withLock { $0.lookUps += 1 }
        return domain == settings.value.domain || others.contains(domain) ? self : nil
    }

    func makeTLSHandler() -> any ChannelHandler {
        let handler = FakeTLSHandler()
        state.withLock { $0.tls = handler }
        return handler
    }

    func serverEndPoint(for name: ServerName) -> [UInt8]? { nil }
    func writeFeatures(_ layer: StreamStateMachine.Layer, to writer: inout XMLWriter) {}

    func credential(
        user: String, hash: SCRAMHash, from address: SocketAddress?
    ) -> Eventual<Result<FoundCredential, SASLFailure>> {
        .later { [look] in
            await look()
            return .failure(.temporaryAuthFailure)
        }
    }

    func test(user: String, from address: SocketAddress?, _ test: () -> SASLFailure?) -> Bool {
        _ = test()
        return true
    }

    func verify(
        user: String, password: String, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedPassword, SASLFailure>> {
        .later { [self] in
            await look()
            guard user == "romeo", password == "wherefore" else {
                return .failure(.notAuthorized)
            }
            return .success(VerifiedPassword(user: user, account: StubAccount(delegate: self)))
        }
    }

    func verify(
        token: String, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedToken, SASLFailure>> {
        .now(.failure(.notAuthorized))
    }

    func verify(
        _ proof: TokenProof, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedInstallation, SASLFailure>> {
        .now(.failure(.notAuthorized))
    }

    func signInRefused(from address: SocketAddress?, _ failure: SASLFailure) {
        state.withLock { $0.ended.append(failure.rawValue) }
    }

    func signedIn(_ account: JID, mechanism: String, from address: SocketAddress?) {
        state.withLock { $0.ended.append("\(account) \(mechanism)") }
    }

    func open(_ account: JID) -> Eventual<Result<any StreamAccount, StanzaError>> {
        .later { [self] in
            await look()
            return .success(StubAccount(delegate: self))
        }
    }

    fileprivate func bound(_ session: StubSession) { state.withLock { $0.session = session } }

    func writeInlineFeatures(to writer: inout XMLWriter) {
        writer.element("bind", .bind2)
    }

    func received(_ element: Element, _ layer: StreamStateMachine.Layer, on stream: ClientStream) -> Bool { false }
}

/// Romeo's.
private struct StubAccount: StreamAccount {
    let delegate: StubDelegate

    func missingKeys(among hashes: [SCRAMHash]) -> (hashes: [SCRAMHash], iterations: Int) { ([], 0) }

    func keep(_ credential: SCRAMCredential) -> Eventual<Result<Void, SASLFailure>> {
        .now(.failure(.temporaryAuthFailure))
    }

    func bind(resource: String?, on stream: ClientStream) -> Result<any StreamSession, StanzaError> {
        let domain = delegate.settings.value.domain
        guard let jid = JID(local: "romeo", domain: domain, resource: resource ?? "home") else {
            return .failure(.badRequest)
        }
        let session = StubSession(jid: jid, stream: stream.connection)
        delegate.bound(session)
        return .success(session)
    }

    func negotiate(
        _ request: AuthenticationRequest, on stream: ClientStream, then: @escaping (InlineOutcome) -> Void
    ) {
        guard request.element.hasChild("bind", .bind2) else { return then(InlineOutcome()) }
        then(
            InlineOutcome(session: try? bind(resource: nil, on: stream).get()) { writer in
                writer.element("bound", .bind2)
            })
    }
}

extension NegotiationSettings {
    /// A host that needs no TLS.
    static func inClear(_ change: (inout NegotiationSettings) -> Void = { _ in }) -> NegotiationSettings {
        .example(mechanisms: [.plain]) {
            $0.requiresTLS = false
            $0.offersTLS = false
            change(&$0)
        }
    }
}

/// Keeps the ids of what it gets, and answers messages with their body.
final class StubSession: StreamSession, Sendable {
    let jid: JID
    let stream: StreamConnection
    private let state = Mutex<(received: [String], end: StreamEnd?, ends: Int)>(([], nil, 0))

    init(jid: JID, stream: StreamConnection) {
        self.jid = jid
        self.stream = stream
    }

    var received: [String] { state.withLock { $0.received } }
    var end: StreamEnd? { state.withLock { $0.end } }
    var ends: Int { state.withLock { $0.ends } }

    func received(_ stanza: Element) {
        state.withLock { $0.received.append(stanza["id"] ?? stanza.name) }
        if let body = stanza.child("body", .client) {
            stream.write { $0.element("message", .client, text: body.text) }
        }
    }

    func streamCloses() {}

    func streamEnded(_ reason: StreamEnd) {
        state.withLock { state in
            state.end = reason
            state.ends += 1
        }
        // Nobody hears it any more.
        stream.write { $0.element("presence", .client, ["type": "unavailable"]) }
    }
}

/// Says that TLS is there when it is told to, and takes note of what came before.
final class FakeTLSHandler: ChannelInboundHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    private var context: ChannelHandlerContext?
    private var isEstablished = false
    private(set) var early = ""

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isEstablished {
            context.fireChannelRead(data)
        } else {
            early += String(buffer: unwrapInboundIn(data))
        }
    }

    func establish() {
        isEstablished = true
        context?.fireUserInboundEventTriggered(TLSUserEvent.handshakeCompleted(negotiatedProtocol: nil))
    }
}
