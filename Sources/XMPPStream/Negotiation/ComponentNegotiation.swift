import Crypto
import NIOCore
import XML
import XMPP

/// The server's side of an external component's stream (XEP-0114): header, handshake, session.
///
/// There is one attempt per connection. An unknown domain gets `host-unknown`, as specified: domains of components are
/// no secret. Whether a component is connected is told only after the handshake.
final class ComponentNegotiation: StreamNegotiation {
    private enum State {
        case awaitingHeader
        case awaitingHandshake(any StreamComponent, id: String)
        /// There is a session, or the stream is closing.
        case over
    }

    private let delegate: any ComponentDelegate
    /// Set by the connection's initialiser. Only the connection calls a negotiation.
    private unowned var connection: StreamConnection!
    private var state = State.awaitingHeader

    init(_ delegate: any ComponentDelegate) {
        self.delegate = delegate
    }

    func begin(on connection: StreamConnection) { self.connection = connection }

    var limits: XMLLimits { delegate.unauthenticatedLimits }
    var time: Duration { delegate.signInTime }
    var contentNamespace: Namespace { .componentAccept }
    var tls: (any TLSProvider)? { delegate.tls }

    var hasOpenStream: Bool { if case .awaitingHeader = state { false } else { true } }

    func received(_ header: StreamHeader) {
        let id = SecureRandom.text(length: 16)
        guard let domain = header.to.flatMap({ JID($0) }), domain.isDomain,
            let component = delegate.component(domain)
        else { return connection.close(.hostUnknown) }
        state = .awaitingHandshake(component, id: id)
        writeHeader(from: domain.string, id: id)
    }

    func answerHeader() { writeHeader(from: delegate.fallbackDomain, id: SecureRandom.text(length: 16)) }

    private func writeHeader(from domain: String, id: String) {
        var bytes = ByteBuffer()
        StreamHeader.writeResponse(
            to: &bytes, contentNamespace: contentNamespace, id: id, from: domain, to: nil, language: nil)
        connection.append(bytes)
    }

    func received(_ element: Element) {
        guard case .awaitingHandshake(let component, let id) = state else {
            return connection.close(.unsupportedStanzaType)
        }
        state = .over
        // The parser maps the stream's content namespace to that of clients.
        guard element.isNamed("handshake", .client) else { return connection.close(.notAuthorized) }
        guard constantTimeEquals(Array(element.text.utf8), Self.proof(of: component.secret, id: id)) else {
            component.refused(from: connection.remoteAddress)
            return connection.close(.notAuthorized)
        }
        switch component.connect(ComponentStream(connection)) {
        case .success(let session):
            connection.raiseLimits(component.settings)
            connection.appendRaw("<handshake />")
            connection.begin(session)
            session.streamBegins()
        case .failure(let error):
            connection.close(error)
        }
    }

    func tlsEstablished(_ binding: ChannelBinding) {}
    func streamError(for error: XMLError) -> StreamError { StreamError(error) }

    /// The component's handshake: SHA-1 of our header's id and the secret, in lower-case hexadecimal.
    private static func proof(of secret: Redacted<String>, id: String) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return Insecure.SHA1.hash(data: Array((id + secret.value).utf8)).flatMap { byte in
            [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
}

extension StreamConnection {
    /// A component's connection.
    public convenience init(component delegate: any ComponentDelegate, loop: LoopContext) {
        self.init(ComponentNegotiation(delegate), loop: loop)
    }
}

extension Namespace {
    /// The content namespace of components' streams, XEP-0114.
    package static let componentAccept: Namespace = "jabber:component:accept"
}
