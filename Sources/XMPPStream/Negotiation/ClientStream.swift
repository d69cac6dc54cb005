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
    public var signedIn: JID? { negotiation.machine.client?.jid }
    /// What that client has said of itself.
    public var userAgent: UserAgent? { negotiation.machine.client?.userAgent }
    /// The token that it has signed in with; nil: it had another secret.
    public var token: VerifiedToken? { negotiation.machine.client?.token }
    /// The installation that it is, if that has signed in with its token; nil: it had another secret.
    public var installation: VerifiedInstallation? { negotiation.machine.client?.installation }
    /// The session that takes the stream's stanzas; nil: there is none yet, or no more.
    package var streamSession: (any StreamSession)? { connection.session }

    /// What a module remembers of a client until that has a session. Slots are made once, as static constants.
    public struct Slot<Value: Sendable>: Sendable {
        fileprivate let key = Key()

        public init() {}
    }

    fileprivate final class Key: Sendable {}

    /// nil: nothing.
    public subscript<Value>(slot: Slot<Value>) -> Value? {
        get { negotiation.remembered[ObjectIdentifier(slot.key)] as? Value }
        nonmutating set { negotiation.remembered[ObjectIdentifier(slot.key)] = newValue.map { $0 as any Sendable } }
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
