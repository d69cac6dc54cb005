import NIOCore
import NIOEmbedded
import Synchronization
import XML
import XMPP

@testable import XMPPStream

/// A component's stream on a channel in memory, with a virtual clock.
final class TestComponent: TestChannel {
    let channel: NIOAsyncTestingChannel
    let connection: StreamConnection
    let components: StubComponents
    let reads = ReadCounter()

    init(_ components: StubComponents = StubComponents()) async throws {
        self.components = components
        let loop = NIOAsyncTestingEventLoop()
        connection = StreamConnection(component: components, loop: LoopContext(eventLoop: loop))
        channel = try await Self.connect(connection, reads, on: loop)
    }
}

/// A listener to which `echo.example.org` and `rooms.example.org` may come, with the secret `sesame`.
final class StubComponents: ComponentDelegate {
    let fallbackDomain = "example.org"
    let unauthenticatedLimits: XMLLimits
    let signInTime = Duration.seconds(30)
    let tls: (any TLSProvider)? = nil
    private let settings: ConnectionSettings
    private let state = Mutex(State())

    private struct State {
        var sessions: [StubComponentSession] = []
        var refusals: [String] = []
    }

    init(unauthenticatedLimits: XMLLimits = XMLLimits(), _ change: (inout ConnectionSettings) -> Void = { _ in }) {
        self.unauthenticatedLimits = unauthenticatedLimits
        var settings = ConnectionSettings()
        change(&settings)
        self.settings = settings
    }

    var sessions: [StubComponentSession] { state.withLock { $0.sessions } }
    var refusals: [String] { state.withLock { $0.refusals } }

    func component(_ domain: JID) -> (any StreamComponent)? {
        guard ["echo.example.org", "rooms.example.org"].contains(domain.string) else { return nil }
        return StubComponent(domain, self, settings)
    }

    private final class StubComponent: StreamComponent {
        let domain: JID
        let components: StubComponents
        let secret = Redacted("sesame")
        let settings: ConnectionSettings

        init(_ domain: JID, _ components: StubComponents, _ settings: ConnectionSettings) {
            self.domain = domain
            self.components = components
            self.settings = settings
        }

        func connect(_ stream: ComponentStream) -> Result<any ComponentSession, StreamError> {
            components.state.withLock { state in
                if state.sessions.contains(where: { $0.jid == domain }) { return .failure(.conflict) }
                let session = StubComponentSession(domain, stream)
                state.sessions.append(session)
                return .success(session)
            }
        }

        func refused(from address: SocketAddress?) {
            components.state.withLock { $0.refusals.append(domain.string) }
        }
    }
}

/// Keeps the ids of what it gets.
final class StubComponentSession: ComponentSession, Sendable {
    let jid: JID
    let stream: ComponentStream
    private let state = Mutex<(received: [String], begins: Int, ends: [StreamEnd])>(([], 0, []))

    init(_ jid: JID, _ stream: ComponentStream) {
        self.jid = jid
        self.stream = stream
    }

    var received: [String] { state.withLock { $0.received } }
    var begins: Int { state.withLock { $0.begins } }
    var end: StreamEnd? { state.withLock { $0.ends.last } }
    var ends: Int { state.withLock { $0.ends.count } }

    func streamBegins() { state.withLock { $0.begins += 1 } }
    func received(_ stanza: Element) { state.withLock { $0.received.append(stanza["id"] ?? stanza.name) } }
    func streamCloses() {}
    func streamEnded(_ reason: StreamEnd) { state.withLock { $0.ends.append(reason) } }
}
