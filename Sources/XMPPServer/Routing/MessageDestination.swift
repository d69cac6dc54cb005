import XMPP

/// Which of an account's sessions get a message that has reached it, RFC 6121 §8.5.
public enum MessageDestination: Sendable {
    /// That session alone: it was addressed.
    case session(ClientSession)
    /// Those with at least this priority.
    case sessions(atLeast: Int)
    /// Nobody is there to take it: it may be kept.
    case nobody
    /// It goes nowhere, and its sender is told.
    case refused
    /// It goes nowhere, and nobody is told.
    case nowhere

    /// - Parameter sessions: those of the account that the message is for.
    public init(of event: borrowing StanzaContext, among sessions: [ClientSession]) {
        let type = event.stanza.type
        if let to = event.to, to.isFull {
            if let session = sessions.first(where: { $0.jid == to }) {
                self = .session(session)
                return
            }
            // §8.5.3.2.1: a chat message goes on as if to the bare JID; others end here, and errors without a word.
            if type != .chat {
                self = .refused
                return
            }
        }
        switch type {
        case .error:
            self = .nowhere
        case .groupchat:
            self = .refused
        case .headline:
            self = .sessions(atLeast: 0)
        default:
            var highest = -1
            for session in sessions {
                if let priority = session.priority, priority > highest { highest = priority }
            }
            self = highest >= 0 ? .sessions(atLeast: highest) : .nobody
        }
    }

    /// Whether the session is one of those that get it.
    public func includes(_ session: ClientSession) -> Bool {
        switch self {
        case .session(let addressed): session === addressed
        case .sessions(let least): (session.priority ?? -1) >= least
        case .nobody, .refused, .nowhere: false
        }
    }
}
