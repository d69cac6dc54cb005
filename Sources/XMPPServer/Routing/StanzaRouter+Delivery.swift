import NIOCore
import XML
import XMPP
import XMPPStream

/// Delivery to the sessions of an account, RFC 6121 §8.5.
extension StanzaRouter {
    /// What came of a delivery.
    enum Delivered {
        /// There is nothing left to do.
        case done
        case refused(StanzaError)
        /// No session takes it.
        case nobody
    }

    /// Hands a message to the sessions that are to get it. Presence is delivered by the module that knows the roster.
    func deliver(_ event: StanzaEvent) -> Delivered {
        guard event.stanza.kind == .message, let account = event.account else { return .done }
        let sessions = account.sessions
        let destination = MessageDestination(of: event, among: sessions)
        switch destination {
        case .nobody: return .nobody
        case .nowhere: break
        case .refused: return .refused(.serviceUnavailable)
        case .session(let session): send(event, to: session)
        case .sessions: for session in sessions where destination.includes(session) { send(event, to: session) }
        }
        return .done
    }

    /// A message was on its way to a session that has ended: it goes to the account's other sessions, or is kept.
    func deliverAgain(_ bytes: ByteBuffer, from ended: ClientSession) {
        guard let element = try? Element(parsing: bytes, contentNamespace: .client), let stanza = Stanza(element),
            stanza.kind == .message, let from = element["from"].flatMap({ JID($0) }),
            // What the account itself says, such as a copy or an answer in messages, was for that session alone.
            from.isFull || !from.isSameBare(as: ended.record.jid)
        else { return }
        let event = StanzaEvent(
            stanza: stanza, from: from, to: ended.record.jid, sender: nil, host: ended.host, account: ended.record)
        travel(Journey(event: event, stage: .deliver))
    }

    /// Nobody took the message, and nothing keeps it.
    func undelivered(_ event: StanzaEvent) {
        guard event.stanza.kind == .message else { return }
        bounce(event, .serviceUnavailable)
    }

    /// Copies a stanza from what was received to a session's output, with the addresses as they are known now.
    public func send(_ event: StanzaEvent, to session: ClientSession) {
        if session.loop.eventLoop.inEventLoop {
            session.send { event.write(to: &$0) }
        } else {
            var writer = XMLWriter()
            event.write(to: &writer)
            let sender = event.sender?.loop
            session.send(writer.finish(), from: sender?.eventLoop.inEventLoop == true ? sender : nil)
        }
    }
}
