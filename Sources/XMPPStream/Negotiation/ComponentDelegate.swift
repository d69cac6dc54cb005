import NIOCore
import XML
import XMPP

/// What components' streams ask of the listener that they have come by.
public protocol ComponentDelegate: AnyObject, Sendable {
    /// Stands in the header when a stream is refused before its component is known.
    var fallbackDomain: String { get }
    /// Bytes, depth and so on before the handshake.
    var unauthenticatedLimits: XMLLimits { get }
    /// From the first byte to the handshake.
    var signInTime: Duration { get }
    /// How the connection gets TLS; nil: it has none.
    var tls: (any TLSProvider)? { get }
    /// The component of a domain; `nil`: none may come by this listener. From then on the stream asks the component.
    func component(_ domain: JID) -> (any StreamComponent)?
}

/// What a stream asks of the component that it is for, on the stream's event loop.
public protocol StreamComponent: AnyObject, Sendable {
    /// Known to the server and the component.
    var secret: Redacted<String> { get }
    /// What holds for the connection once the component has shown its secret.
    var settings: ConnectionSettings { get }
    /// The component has shown its secret.
    ///
    /// - Returns: what takes its stanzas, or why there can be no session, such as `conflict`. Nothing may be written to the
    ///   stream before `streamBegins`.
    func connect(_ stream: ComponentStream) -> Result<any ComponentSession, StreamError>
    /// Somebody has shown another secret; for the log.
    func refused(from address: SocketAddress?)
}

/// Takes the stanzas of a component. Lives on its stream's event loop.
public protocol ComponentSession: StreamSession {
    /// The component has been told that its handshake is accepted: stanzas may follow.
    func streamBegins()
}
