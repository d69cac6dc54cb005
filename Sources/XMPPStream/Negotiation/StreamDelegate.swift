import NIOCore
import XML
import XMPP

/// What clients' streams ask of the listener that they have come by.
public protocol StreamDelegate: AnyObject, Sendable {
    /// What puts a connection on TLS that comes to it now; `nil`: nothing does.
    var tls: (any TLSProvider)? { get }
    /// Stands in the header when a stream is refused before its host is known.
    var fallbackDomain: String { get }
    /// Bytes, depth and so on before sign-in.
    var unauthenticatedLimits: XMLLimits { get }
    /// From the first byte to a bound session.
    var signInTime: Duration { get }
    /// How long a redirected client may take to close its stream.
    var redirectTime: Duration { get }
    /// The host that a stream is for, as its first header says; `nil` if it is not served on this listener. From then on
    /// the stream asks the host.
    func host(for domain: String) -> (any StreamHost)?
}

/// What a client's stream asks of its host, on the stream's event loop. Nothing here blocks; what has to wait says so in its
/// answer, and the stream reads nothing meanwhile.
public protocol StreamHost: AnyObject, Sendable {
    /// Looked at for each stream header.
    var settings: Shared<NegotiationSettings> { get }

    /// The features that modules add to those of RFC 6120.
    func writeFeatures(_ layer: StreamStateMachine.Layer, to writer: inout XMLWriter)
    /// What a client may ask for within its sign-in, XEP-0388 §2.1.
    func writeInlineFeatures(to writer: inout XMLWriter)

    /// A decoy where there is no such user.
    func credential(
        user: String, hash: SCRAMHash, from address: SocketAddress?
    ) -> Eventual<Result<FoundCredential, SASLFailure>>
    /// Has a client's proof of its password tested, if it may try one more.
    ///
    /// - Parameter test: says why it is refused; nil: it is right.
    /// - Returns: false if it was not tested: there were too many tries.
    func test(user: String, from address: SocketAddress?, _ test: () -> SASLFailure?) -> Bool
    func verify(
        user: String, password: String, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedPassword, SASLFailure>>
    func verify(token: String, from address: SocketAddress?) -> Eventual<Result<VerifiedToken, SASLFailure>>
    func verify(
        _ proof: TokenProof, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedInstallation, SASLFailure>>
    /// An exchange failed; for the log.
    func signInRefused(from address: SocketAddress?, _ failure: SASLFailure)
    /// An exchange succeeded; for the log.
    func signedIn(_ account: JID, mechanism: String, from address: SocketAddress?)

    /// Reads what a session of the account needs before it can be bound.
    func open(_ account: JID) -> Eventual<Result<any StreamAccount, StanzaError>>
    /// An element that the stream itself does not know. `false`: neither does any module.
    func received(_ element: Element, _ layer: StreamStateMachine.Layer, on stream: ClientStream) -> Bool
}

/// An account that a sign-in has come upon. What it is asked, it is asked after the sign-in, on the stream's event loop.
public protocol StreamAccount: Sendable {
    /// Those of the hashes for which the account has a password and no key, and the iterations of new keys.
    func missingKeys(among hashes: [SCRAMHash]) -> (hashes: [SCRAMHash], iterations: Int)
    /// Keeps a further key of the account's password.
    func keep(_ credential: SCRAMCredential) -> Eventual<Result<Void, SASLFailure>>
    func bind(resource: String?, on stream: ClientStream) -> Result<any StreamSession, StanzaError>
    /// Does what was asked for within a sign-in that has succeeded. Holds the stream while it has to wait, and calls `then`
    /// on the loop.
    func negotiate(
        _ request: AuthenticationRequest, on stream: ClientStream, then: @escaping (InlineOutcome) -> Void)
}
