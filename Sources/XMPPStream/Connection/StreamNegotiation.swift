import NIOCore
import XML
import XMPP

/// What a connection knows of the negotiation of its stream: it answers the peer's headers, and gets every element until
/// the stream has a session, then those that are no stanzas. On the connection's loop.
///
/// A negotiation acts on its connection: it answers there, waits, raises the limits for a peer that is no stranger any
/// more, begins the session, or ends the stream. Of a stream that is being closed it hears nothing more.
protocol StreamNegotiation: AnyObject {
    /// Called once, by the connection's initialiser.
    func begin(on connection: StreamConnection)

    /// The parser's limits for a stranger.
    var limits: XMLLimits { get }
    /// From the first byte to a session.
    var time: Duration { get }
    /// Of the stream's stanzas, as the peer has to declare it, RFC 6120 §4.8.2.
    var contentNamespace: Namespace { get }
    /// How the connection gets TLS; nil: it has none.
    var tls: (any TLSProvider)? { get }

    /// Whether a stream header has been answered since the stream began, or began anew.
    var hasOpenStream: Bool { get }
    /// Sends our header to a peer whose own could not be read: an error follows, RFC 6120 §4.9.1.2.
    func answerHeader()
    /// Only while no stream is open.
    func received(_ header: StreamHeader)
    func received(_ element: Element)
    func tlsEstablished(_ binding: ChannelBinding)
    /// What a peer is told whose bytes the parser does not take.
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

    /// - Parameter prefix: stands before the parser's reason.
    init(notWellFormed error: XMLError, prefix: String = "") {
        let position = "Line \(error.line), position \(error.position)."
        self.init(.notWellFormed, text: "\(prefix)\(error.reason) \(position)")
    }
}
