import NIOCore
import XML
import XMPP

/// What a stream asks of the server behind it, on the stream's event loop. Nothing here blocks; what has to wait says so in
/// its answer, and the stream reads nothing meanwhile.
public protocol StreamDelegate: Sendable {
    /// Stands in the header when a stream is refused before its host is known.
    var fallbackDomain: String { get }
    /// Bytes, depth and so on before sign-in.
    var unauthenticatedLimits: XMLLimits { get }
    /// From the first byte to a bound session.
    var signInTime: Duration { get }
    /// How long a redirected client may take to close its stream.
    var redirectTime: Duration { get }

    /// `nil` if the host is not served on this listener.
    func settings(for domain: String) -> Shared<NegotiationSettings>?
    /// Where the TLS configuration of `makeTLSHandler` logs its exporter secrets.
    var exporter: TLSExporter { get }
    func makeTLSHandler() throws -> any ChannelHandler
    /// The tls-server-end-point binding of the certificate that is shown to a client that names this host.
    func serverEndPoint(for name: ServerName) -> [UInt8]?
    /// The features that modules add to those of RFC 6120.
    func writeFeatures(of domain: String, layer: StreamStateMachine.Layer, to writer: inout XMLWriter)

    /// What a client may ask for within its sign-in, XEP-0388 §2.1.
    func writeInlineFeatures(of domain: String, to writer: inout XMLWriter)

    /// A decoy where there is no such user.
    func credential(
        user: String, hash: SCRAMHash, domain: String, from address: SocketAddress?
    ) -> Eventual<Result<FoundCredential, SASLFailure>>
    /// Has a client's proof of its password tested, if it may try one more.
    ///
    /// - Parameter test: says why it is refused; nil: it is right.
    /// - Returns: false if it was not tested: there were too many tries.
    func test(user: String, domain: String, from address: SocketAddress?, _ test: () -> SASLFailure?) -> Bool
    func verify(
        user: String, password: String, domain: String, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedPassword, SASLFailure>>
    func verify(
        token: String, domain: String, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedToken, SASLFailure>>
    func verify(
        _ proof: TokenProof, domain: String, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedInstallation, SASLFailure>>
    /// Those of the hashes for which the account has a password and no key, and the iterations of new keys.
    func missingKeys(of account: FoundAccount, among hashes: [SCRAMHash]) -> (hashes: [SCRAMHash], iterations: Int)
    /// Keeps a further key of the account's password.
    func keep(_ credential: SCRAMCredential, for account: FoundAccount) -> Eventual<Result<Void, SASLFailure>>
    /// An exchange failed; for the log.
    func signInRefused(domain: String, from address: SocketAddress?, _ failure: SASLFailure)
    /// An exchange succeeded; for the log.
    func signedIn(_ account: JID, mechanism: String, from address: SocketAddress?)

    /// Reads what a session of the account needs before it can be bound.
    func open(_ account: JID, domain: String) -> Eventual<Result<FoundAccount, StanzaError>>
    /// Binds a resource for an account that was found.
    func bind(
        _ account: FoundAccount, resource: String?, on stream: StreamHandler
    ) -> Result<any StreamSession, StanzaError>
    /// Does what was asked for within a sign-in that has succeeded, for an account that was found. Holds the
    /// stream while it has to wait, and calls `then` on the loop.
    func negotiate(
        _ request: AuthenticationRequest, _ account: FoundAccount, on stream: StreamHandler,
        then: @escaping (InlineOutcome) -> Void)
    /// An element that the stream itself does not know. `false`: neither does any module.
    func received(_ element: Element, domain: String, layer: StreamStateMachine.Layer, on stream: StreamHandler) -> Bool
}

/// The bound session behind a stream. Lives on the stream's event loop.
public protocol StreamSession: AnyObject {
    var jid: JID { get }
    func received(_ stanza: Element)
    /// The client has closed its stream, which is about to be closed as well: a last word.
    func streamCloses()
    /// The stream is gone. Called once.
    func streamEnded(_ reason: StreamEnd)
}

/// How a stream ended.
public enum StreamEnd: Sendable, Equatable {
    /// The client closed it in good order.
    case closed
    /// The connection was lost, or fell silent.
    case lost
    /// We ended it.
    case error(StreamError)
}
