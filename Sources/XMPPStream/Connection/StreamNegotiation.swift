import NIOCore
import XML
import XMPP

/// The negotiation of a stream: it answers the peer's headers, and gets every element until the stream has a session,
/// then those that are not stanzas. On the connection's loop.
///
/// A negotiation acts on its connection: it answers, waits, raises the limits for an authenticated peer, begins the
/// session, or closes the stream. It hears nothing more from a closing stream.
protocol StreamNegotiation: AnyObject {
    /// Called once, by the connection's initialiser.
    func begin(on connection: StreamConnection)

    /// The parser's limits before authentication.
    var limits: XMLLimits { get }
    /// The time from the first byte to a session.
    var time: Duration { get }
    /// The namespace of the stream's stanzas, which the peer must declare, RFC 6120 §4.8.2.
    var contentNamespace: Namespace { get }
    /// The provider of TLS; nil: none.
    var tls: (any TLSProvider)? { get }

    /// Whether a stream header has been answered since the stream began, or was restarted.
    var hasOpenStream: Bool { get }
    /// Sends our header to a peer whose own was invalid: an error follows, RFC 6120 §4.9.1.2.
    func answerHeader()
    /// Only while no stream is open.
    func received(_ header: StreamHeader)
    func received(_ element: Element)
    func tlsEstablished(_ binding: ChannelBinding)
    /// The stream error for an error of the parser.
    func streamError(for error: XMLError) -> StreamError
}

extension StreamError {
    /// RFC 6120 §4.9.3 and §11.
    init(_ error: XMLError) {
        switch error.kind {
        case .restrictedXML: self.init(.restrictedXml)
        case .unsupportedEncoding: self.init(.unsupportedEncoding)
        case .badNamespacePrefix: self.init(.badNamespacePrefix)
        case .tooLarge, .limitExceeded: self.init(.policyViolation, text: error.reason)
        case .notWellFormed: self.init(notWellFormed: error)
        }
    }

    /// - Parameter prefix: text before the parser's reason.
    init(notWellFormed error: XMLError, prefix: String = "") {
        let position = "Line \(error.line), position \(error.position)."
        self.init(.notWellFormed, text: "\(prefix)\(error.reason) \(position)")
    }
}
