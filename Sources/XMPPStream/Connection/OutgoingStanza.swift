import NIOCore
import XMPP

/// A stanza that has been written, on its way to whoever takes it: what crosses loops, waits in an outbox and is handed on.
///
/// What was known when it was written goes with it, so that nobody has to parse it to find that out again.
public struct OutgoingStanza: Sendable {
    /// The complete stanza.
    public let bytes: ByteBuffer
    public let kind: StanzaKind
    /// Who sent it; nil: the account or server that it comes from speaks to this recipient alone.
    public let from: JID?
    /// When it came to the server, if that was not just now.
    public let time: Timestamp?
    /// The resources of the account that get it as well.
    public let alsoDeliveredTo: [String]
    /// Its number in the message trace; 0: it is not followed.
    public let trace: UInt64

    public init(
        _ bytes: ByteBuffer, _ kind: StanzaKind, from: JID? = nil, time: Timestamp? = nil,
        alsoDeliveredTo: [String] = [], trace: UInt64 = 0
    ) {
        self.bytes = bytes
        self.kind = kind
        self.from = from
        self.time = time
        self.alsoDeliveredTo = alsoDeliveredTo
        self.trace = trace
    }
}
