import XML
import XMPP

/// Takes the stanzas of a stream. Lives on the stream's event loop.
public protocol StreamSession: AnyObject {
    var jid: JID { get }
    func received(_ stanza: Element)
    /// The peer has closed its stream; the last chance to send something.
    func streamCloses()
    /// The stream has ended. Called once.
    func streamEnded(_ reason: StreamEnd)
}

/// How a stream ended.
public enum StreamEnd: Sendable, Equatable {
    /// The peer closed it.
    case closed
    /// The connection was lost, or timed out.
    case lost
    /// We closed it with an error.
    case error(StreamError)
}
