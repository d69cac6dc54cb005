import NIOCore
import XML
import XMPP

/// The listener of components' streams.
public protocol ComponentDelegate: AnyObject, Sendable {
    /// The domain in the header of a stream that is refused before its component is known.
    var fallbackDomain: String { get }
    /// Limits before the handshake.
    var unauthenticatedLimits: XMLLimits { get }
    /// The time from the first byte to the handshake.
    var signInTime: Duration { get }
    /// The provider of TLS; nil: none.
    var tls: (any TLSProvider)? { get }
    /// The component of a domain; nil: none may connect here. From then on the stream asks the component.
    func component(_ domain: JID) -> (any StreamComponent)?
}

/// The component of a stream; called on the stream's event loop.
public protocol StreamComponent: AnyObject, Sendable {
    /// The shared secret.
    var secret: Redacted<String> { get }
    /// The connection's settings after the handshake.
    var settings: ConnectionSettings { get }
    /// The component has authenticated.
    ///
    /// - Returns: the session, or the error, such as `conflict`. Write nothing to the stream before `streamBegins`.
    func connect(_ stream: ComponentStream) -> Result<any ComponentSession, StreamError>
    /// A wrong secret was used; for the log.
    func refused(from address: SocketAddress?)
}

/// Takes the stanzas of a component. Lives on its stream's event loop.
public protocol ComponentSession: StreamSession {
    /// The handshake has been confirmed: stanzas may follow.
    func streamBegins()
}
