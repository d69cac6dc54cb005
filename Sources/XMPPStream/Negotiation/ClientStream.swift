import NIOCore
import XML
import XMPP

/// A client's stream, as the server behind it and its modules see it. Only its reference travels: what it says and does is
/// on the stream's event loop.
public struct ClientStream: Sendable {
    package let connection: StreamConnection
    private let negotiation: ClientNegotiation

    init(_ connection: StreamConnection, _ negotiation: ClientNegotiation) {
        self.connection = connection
        self.negotiation = negotiation
    }

    /// The client's address; behind a proxy, that which the proxy tells. Known also when the connection has ended.
    public var remoteAddress: SocketAddress? { connection.remoteAddress }

    // MARK: The client

    /// The account that has signed in and has no session yet, a bare JID.
    public var signedIn: JID? { negotiation.signedIn }
    /// What the client has said of itself at its sign-in.
    public var userAgent: UserAgent? { negotiation.userAgent }
    /// The token that the client has signed in with; nil: it had another secret.
    public var token: VerifiedToken? { negotiation.token }
    /// The installation that is signing in with its token; nil: the client had another secret, or has its session.
    public var installation: VerifiedInstallation? { negotiation.installation }
    /// The session that takes the stream's stanzas; nil: there is none yet, or no more.
    package var streamSession: (any StreamSession)? { connection.session }

    /// What modules have learned of the client before its sign-in, each under a name of its own.
    public var remembered: [String: String] {
        get { negotiation.remembered }
        nonmutating set { negotiation.remembered = newValue }
    }

    // MARK: What can be done

    /// Lets `body` write an element; it goes out at the end of this tick.
    public func write(_ body: (inout XMLWriter) -> Void) { connection.write(body) }

    /// Ends the stream with an error. `nil`: with the closing tag alone.
    public func close(_ error: StreamError?) { connection.close(error) }

    /// Goes on with an answer: at once, or when it is there; reading stops until then.
    public func wait<Value: Sendable>(
        _ answer: Eventual<Value>, then: @escaping @Sendable (ClientStream, Value) -> Void
    ) {
        connection.wait(answer) { then(self, $0) }
    }

    /// Stops reading, waits for `body` outside the loop and hands its result to `then` on the loop, unless the stream ends
    /// before.
    public func wait<Value: Sendable>(
        _ body: @escaping @Sendable () async -> Value, then: @escaping @Sendable (ClientStream, Value) -> Void
    ) {
        connection.wait(body) { then(self, $0) }
    }

    /// Gives a stream that has signed in, and bound no resource yet, a session that it goes on with.
    public func resume(_ session: any StreamSession) { negotiation.resume(session) }
}
