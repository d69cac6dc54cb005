import XMPP
import XMPPStream

/// How a session can be resumed, XEP-0198 §5.
public struct Resumption: Sendable {
    /// The number of the stored session.
    let id: Int64
    /// What the client has to know; nobody can guess it.
    public let secret: String
    /// How long the session may be without a connection.
    public let time: Duration

    init(id: Int64, secret: String, time: Duration) {
        self.id = id
        self.secret = secret
        self.time = time
    }

    static func random(time: Duration) -> Resumption {
        let number = SecureRandom.bytes(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
        return Resumption(id: number & .max, secret: SecureRandom.text(length: 24), time: time)
    }

    func isKnown(by secret: String) -> Bool { constantTimeEquals(Array(self.secret.utf8), Array(secret.utf8)) }
}

/// Why a session cannot be resumed.
public enum ResumptionFailure: Error, Sendable {
    /// There is none, or not any more. If it is known how many of the client's stanzas it had handled, the client need
    /// not send these again.
    case notFound(handled: UInt32?)
    /// The client says that it has handled more than it was sent.
    case tooHigh(handled: UInt32, sent: UInt32)
    case refused(StanzaError)
}

/// What goes over from a session to the one that takes its place.
struct SessionState {
    var jid: JID
    var boundAt: Timestamp
    var token: VerifiedToken?
    var rights = SessionRights.chat
    var userAgent: UserAgent?
    var handled: UInt32
    var presence: Element?
    var priority: Int?
    var flags: UInt32
    /// Whether the client was inactive.
    var isInactive = false

    /// How that is stored, among the flags.
    static let inactive = "client inactive"
}

/// The counts of sessions that have ended lately, for clients that come back too late.
struct EndedSessions {
    private static let maximum = 10_000

    private var counts: [String: UInt32] = [:]
    private var order: [String] = []
    private var oldest = 0

    subscript(secret: String) -> UInt32? { counts[secret] }

    mutating func add(_ secret: String, handled: UInt32) {
        counts[secret] = handled
        if order.count < Self.maximum {
            order.append(secret)
        } else {
            counts[order[oldest]] = nil
            order[oldest] = secret
            oldest = (oldest + 1) % Self.maximum
        }
    }
}
