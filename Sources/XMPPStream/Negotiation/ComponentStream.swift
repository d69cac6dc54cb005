import NIOCore
import XML
import XMPP

/// The stream of a component that has shown its secret, as the service behind it sees it. Only its reference travels: what
/// it says and does is on the stream's event loop.
public struct ComponentStream: Sendable {
    private let connection: StreamConnection

    init(_ connection: StreamConnection) {
        self.connection = connection
    }

    public var loop: LoopContext { connection.loop }
    /// The component's address. Known also when the connection has ended.
    public var remoteAddress: SocketAddress? { connection.remoteAddress }

    /// How many bytes may be written now by somebody who has much to write; 0 or less: the component has to read first.
    public var room: Int { connection.room }

    /// Sends a stanza that was written for a client's stream; it goes out at the end of this tick.
    public func send(_ stanza: ByteBuffer) { connection.append(stanza.withoutContentDeclarations()) }

    /// Sends a stanza that `body` writes as for a client's stream.
    public func write(_ body: (inout XMLWriter) -> Void) {
        var writer = XMLWriter()
        body(&writer)
        send(writer.finish())
    }

    /// Calls `body` when the connection has taken all that waits now; with `false` if it has not before its end.
    public func whenWritten(_ body: @escaping (Bool) -> Void) { connection.whenWritten(body) }

    /// Lets the service keep back all further stanzas until it says `resumeReading`.
    public func pauseReading() { connection.pauseReading() }
    public func resumeReading() { connection.resumeReading() }

    /// Ends the stream with an error. `nil`: with the closing tag alone.
    public func close(_ error: StreamError?) { connection.close(error) }
}
