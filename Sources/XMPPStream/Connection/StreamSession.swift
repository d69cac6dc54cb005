import XML
import XMPP

/// Takes the stanzas of a stream. Lives on the stream's event loop.
public protocol StreamSession: AnyObject {
    var jid: JID { get }
    func received(_ stanza: Element)
    /// The peer has closed its stream, which is about to be closed as well: a last word.
    func streamCloses()
    /// The stream is gone. Called once.
    func streamEnded(_ reason: StreamEnd)
}

/// How a stream ended.
public enum StreamEnd: Sendable, Equatable {
    /// The peer closed it in good order.
    case closed
    /// The connection was lost, or fell silent.
    case lost
    /// We ended it.
    case error(StreamError)
}
