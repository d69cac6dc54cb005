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
    func deliver(_ event: inout StanzaContext) -> Delivered {
        guard event.stanza.kind == .message, let account = event.account else { return .done }
        var sessions = account.sessions
        // What a session leaves behind goes to none that leaves as well: each would hand it on to the other, for ever.
        if let leaving = event.detached {
            sessions.removeAll { $0 === leaving || $0.openedOutbox?.isLeaving == true }
        }
        let destination = MessageDestination(of: event, among: sessions)
        switch destination {
        case .nobody: return .nobody
        case .nowhere: return .done
        case .refused: return .refused(.serviceUnavailable)
        case .session, .sessions: break
        }
        if let time = event.time { event.stamp(time) }
        if case .session(let session) = destination {
            send(&event, to: session, others: [])
        } else {
            let areAll = sessions.allSatisfy(destination.includes)
            let recipients = areAll ? sessions : sessions.filter(destination.includes)
            let others = recipients.count > 1 ? recipients.compactMap(\.jid.resource) : []
            for session in recipients { send(&event, to: session, others: others) }
        }
        return .done
    }

    /// Sends a message, and has it commit what the session keeps of it.
    private func send(_ event: inout StanzaContext, to session: ClientSession, others: [String]) {
        if session.take(&event, others: others) { return event.record(.delivered, session.jid.string) }
        send(event, to: session)
    }

    /// A message that a session's client has not acknowledged goes where it goes without that session, with the time at
    /// which it came.
    ///
    /// - Parameters:
    ///   - changes: what is to be committed with whatever keeps it.
    ///   - finished: called when all that has been submitted, from any thread.
    func redeliver(
        _ entry: SessionOutbox.Entry, _ changes: [StorageChange], from session: ClientSession,
        finished: @escaping @Sendable () -> Void
    ) {
        guard let stanza = session.host.stanza(fromOwn: entry.stanza, "a message that a session leaves behind"),
            let from = stanza.element["from"].flatMap({ JID($0) }),
            // What the account itself says, such as a copy or an answer in messages, was for that session alone.
            from.isFull || !from.isSameBare(as: session.record.jid),
            !session.leavesToOthers(entry)
        else {
            session.host.store(changes)
            return finished()
        }
        var event = StanzaContext(
            stanza: stanza, from: from, to: session.record.jid, origin: nil, loaded: session.host.loaded,
            recipient: session.record, stage: .deliver)
        event.commit(changes)
        event.detached = session
        event.time = event.takeStamp() ?? entry.time
        event.finished = finished
        route(&event)
    }

    /// A message was on its way to a session that has ended: it goes to the account's other sessions, or is kept.
    func deliverAgain(_ bytes: ByteBuffer, from ended: ClientSession) {
        guard let stanza = ended.host.stanza(fromOwn: bytes, "a message for a session that has ended"),
            stanza.kind == .message, let from = stanza.element["from"].flatMap({ JID($0) }),
            // What the account itself says, such as a copy or an answer in messages, was for that session alone.
            from.isFull || !from.isSameBare(as: ended.record.jid)
        else { return }
        var event = StanzaContext(
            stanza: stanza, from: from, to: ended.record.jid, origin: nil, loaded: ended.host.loaded,
            recipient: ended.record,
            stage: .deliver)
        route(&event)
    }

    /// Nobody took the message, and nothing keeps it.
    func undelivered(_ event: StanzaContext) {
        guard event.stanza.kind == .message else { return }
        refuse(event, .serviceUnavailable)
    }

    /// Copies a stanza from what was received to a session's output, with the addresses as they are known now.
    public func send(_ event: StanzaContext, to session: ClientSession) {
        event.record(.delivered, session.jid.string)
        if session.loop.eventLoop.inEventLoop {
            session.send { event.write(to: &$0) }
        } else {
            var writer = XMLWriter()
            event.write(to: &writer)
            let loop = event.origin?.loop
            session.send(writer.finish(), from: loop?.eventLoop.inEventLoop == true ? loop : nil)
        }
    }
}
