import NIOCore
import XML
import XMPP

/// The listener of clients' streams.
public protocol StreamDelegate: AnyObject, Sendable {
    /// The provider of TLS for new connections; nil: none.
    var tls: (any TLSProvider)? { get }
    /// The domain in the header of a stream that is refused before its host is known.
    var fallbackDomain: String { get }
    /// Limits before sign-in.
    var unauthenticatedLimits: XMLLimits { get }
    /// The time from the first byte to a bound session.
    var signInTime: Duration { get }
    /// How long a redirected client may take to close its stream.
    var redirectTime: Duration { get }
    /// The host in a stream's first header; nil if it is not served on this listener. From then on the stream asks the
    /// host.
    func host(for domain: String) -> (any StreamHost)?
}

/// The host of a client's stream; called on the stream's event loop. Nothing here blocks: what takes time returns an
/// `Eventual`, and the stream reads nothing meanwhile.
public protocol StreamHost: AnyObject, Sendable {
    /// Read at each stream header.
    var settings: Shared<NegotiationSettings> { get }

    /// Writes the features that modules add to those of RFC 6120.
    func writeFeatures(_ layer: StreamStateMachine.Layer, to writer: inout XMLWriter)
    /// Writes the features of the sign-in, XEP-0388 §2.1.
    func writeInlineFeatures(to writer: inout XMLWriter)

    /// A decoy if there is no such user.
    func credential(
        user: String, hash: SCRAMHash, from address: SocketAddress?
    ) -> Eventual<Result<FoundCredential, SASLFailure>>
    /// Tests a client's proof of its password, unless there were too many attempts.
    ///
    /// - Parameter test: returns why the proof is wrong; nil: it is right.
    /// - Returns: whether it was tested.
    func test(user: String, from address: SocketAddress?, _ test: () -> SASLFailure?) -> Bool
    func verify(
        user: String, password: String, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedPassword, SASLFailure>>
    func verify(token: String, from address: SocketAddress?) -> Eventual<Result<VerifiedToken, SASLFailure>>
    func verify(
        _ proof: TokenProof, from address: SocketAddress?
    ) -> Eventual<Result<VerifiedInstallation, SASLFailure>>
    /// A sign-in failed; for the log.
    func signInRefused(from address: SocketAddress?, _ failure: SASLFailure)
    /// A sign-in succeeded; for the log.
    func signedIn(_ account: JID, mechanism: String, from address: SocketAddress?)

    /// Reads what a session of the account needs.
    func open(_ account: JID) -> Eventual<Result<any StreamAccount, StanzaError>>
    /// An element that the stream does not know. False: no module does either.
    func received(_ element: Element, _ layer: StreamStateMachine.Layer, on stream: ClientStream) -> Bool
}

/// A signed-in account; called on the stream's event loop.
public protocol StreamAccount: Sendable {
    /// The hashes for which the account has a password but no key, and the iterations of new keys.
    func missingKeys(among hashes: [SCRAMHash]) -> (hashes: [SCRAMHash], iterations: Int)
    /// Stores a further key of the account's password.
    func keep(_ credential: SCRAMCredential) -> Eventual<Result<Void, SASLFailure>>
    func bind(resource: String?, on stream: ClientStream) -> Result<any StreamSession, StanzaError>
    /// Processes the requests within a successful sign-in. Pauses the stream while it waits, and calls `then` on the
    /// loop.
    func negotiate(
        _ request: AuthenticationRequest, on stream: ClientStream, then: @escaping (InlineOutcome) -> Void)
}
