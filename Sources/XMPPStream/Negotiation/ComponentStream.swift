import NIOCore
import XML
import XMPP

/// The stream of an authenticated component for its service. Only its reference travels; use it on the stream's event
/// loop.
public struct ComponentStream: Sendable {
    private let connection: StreamConnection

    init(_ connection: StreamConnection) {
        self.connection = connection
    }

    public var loop: LoopContext { connection.loop }
    /// The component's address. Also known after the end of the connection.
    public var remoteAddress: SocketAddress? { connection.remoteAddress }

    /// How many bytes a batch may write now; 0 or less: the component must read first.
    public var room: Int { connection.room }

    /// Sends a stanza written for a client's stream, at the end of this tick.
    public func send(_ stanza: ByteBuffer) { connection.append(stanza.withoutContentDeclarations()) }

    /// Sends a stanza that `body` writes as for a client's stream.
    public func write(_ body: (inout XMLWriter) -> Void) {
        var writer = XMLWriter()
        body(&writer)
        send(writer.finish())
    }

    /// Calls `body` when the connection has taken all output that waits now; with false if it ended before.
    public func whenWritten(_ body: @escaping (Bool) -> Void) { connection.whenWritten(body) }

    /// Lets the service hold further stanzas until it calls `resumeReading`.
    public func pauseReading() { connection.pauseReading() }
    public func resumeReading() { connection.resumeReading() }

    /// Closes the stream with an error; nil: with the closing tag only.
    public func close(_ error: StreamError?) { connection.close(error) }
}
