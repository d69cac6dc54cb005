import XMPP
import XMPPStream

/// A session that can be resumed after its process has ended, XEP-0198 §5.
public struct StoredSession: Sendable, Equatable {
    /// A random number that is never used again.
    public let id: Int64
    /// The full JID.
    public let jid: JID
    /// The secret that the client resumes it with.
    public let secret: String
    /// When its resource was bound.
    public let boundAt: Timestamp
    /// How long it may be without a connection.
    public let time: Duration
    /// The token that opened it; nil: it was opened with something else.
    public let token: VerifiedToken?
    /// What its client may do.
    public let rights: SessionRights
    /// The UUID of the client's installation, if known.
    public let userAgent: String?
    /// How many of the client's stanzas have been handled, modulo 2³². Their changes are as durable as this count.
    public var handled: UInt32
    /// Its last available presence; nil: it is not available.
    public var presence: [UInt8]?
    /// The names of the flags that are set.
    public var flags: [String]

    public init(
        id: Int64, jid: JID, secret: String, boundAt: Timestamp, time: Duration, token: VerifiedToken?,
        rights: SessionRights = .program, userAgent: String?, handled: UInt32, presence: [UInt8]?, flags: [String]
    ) {
        self.id = id
        self.jid = jid
        self.secret = secret
        self.boundAt = boundAt
        self.time = time
        self.token = token
        self.rights = rights
        self.userAgent = userAgent
        self.handled = handled
        self.presence = presence
        self.flags = flags
    }
}

/// A message that a session's client has not acknowledged yet.
public struct UnacknowledgedMessage: Sendable, Equatable {
    /// Its position among the session's messages; positions grow.
    public let position: Int64
    /// Whether the position is also the number in the client's count. It is not if that count was unknown when the
    /// message came.
    public let isNumbered: Bool
    /// The account's resources that got the message as well.
    public let others: [String]
    /// When it came.
    public let time: Timestamp
    /// The stanza as it is sent.
    public let stanza: [UInt8]

    public init(position: Int64, isNumbered: Bool, others: [String], time: Timestamp, stanza: [UInt8]) {
        self.position = position
        self.isNumbered = isNumbered
        self.others = others
        self.time = time
        self.stanza = stanza
    }
}
