import NIOCore
import XML
import XMPP

/// A client's stream for the server and its modules. Only its reference travels; use it on the stream's event loop.
public struct ClientStream: Sendable {
    package let connection: StreamConnection
    private let negotiation: ClientNegotiation

    init(_ connection: StreamConnection, _ negotiation: ClientNegotiation) {
        self.connection = connection
        self.negotiation = negotiation
    }

    /// The client's address; behind a proxy, the one in the proxy's header. Also known after the end of the connection.
    public var remoteAddress: SocketAddress? { connection.remoteAddress }

    // MARK: The client

    /// The signed-in account without a session yet, a bare JID.
    public var signedIn: JID? { negotiation.machine.client?.jid }
    /// That client's description of itself.
    public var userAgent: UserAgent? { negotiation.machine.client?.userAgent }
    /// The token that it has signed in with; nil: other credentials.
    public var token: VerifiedToken? { negotiation.machine.client?.token }
    /// The installation that has signed in with its token; nil: other credentials.
    public var installation: VerifiedInstallation? { negotiation.machine.client?.installation }
    /// The session that takes the stream's stanzas; nil: there is none yet, or no more.
    package var streamSession: (any StreamSession)? { connection.session }

    /// A module's value for a client before it has a session. Make each slot once, as a static constant.
    public struct Slot<Value: Sendable>: Sendable {
        fileprivate let key = Key()

        public init() {}
    }

    fileprivate final class Key: Sendable {}

    /// nil: not set.
    public subscript<Value>(slot: Slot<Value>) -> Value? {
        get { negotiation.remembered[ObjectIdentifier(slot.key)] as? Value }
        nonmutating set { negotiation.remembered[ObjectIdentifier(slot.key)] = newValue.map { $0 as any Sendable } }
    }

    // MARK: What can be done

    /// Lets `body` write an element, which is sent at the end of this tick.
    public func write(_ body: (inout XMLWriter) -> Void) { connection.write(body) }

    /// Closes the stream with an error; nil: with the closing tag only.
    public func close(_ error: StreamError?) { connection.close(error) }

    /// Continues with a value: at once, or when it is there; reading pauses until then.
    public func wait<Value: Sendable>(
        _ answer: Eventual<Value>, then: @escaping @Sendable (ClientStream, Value) -> Void
    ) {
        connection.wait(answer) { then(self, $0) }
    }

    /// Pauses reading, waits for `body` outside the loop and passes its result to `then` on the loop, unless the stream
    /// ends first.
    public func wait<Value: Sendable>(
        _ body: @escaping @Sendable () async -> Value, then: @escaping @Sendable (ClientStream, Value) -> Void
    ) {
        connection.wait(body) { then(self, $0) }
    }

    /// Gives a signed-in stream without a resource a session to continue.
    public func resume(_ session: any StreamSession) { negotiation.resume(session) }
}
