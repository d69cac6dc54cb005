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
            sessions.removeAll { $0.output === leaving || $0.isLeaving }
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
            event.commit(session.send(event))
        } else {
            let areAll = sessions.allSatisfy(destination.includes)
            let recipients = areAll ? sessions : sessions.filter(destination.includes)
            let others = recipients.count > 1 ? recipients.compactMap(\.jid.resource) : []
            for session in recipients { event.commit(session.send(event, alsoTo: others)) }
        }
        return .done
    }

    /// A message that has not reached a session's client goes where it goes without that session: to the account's other
    /// sessions, or it is kept.
    ///
    /// - Parameters:
    ///   - time: when the session got it; nil: it has not.
    ///   - changes: what is to be committed with whatever keeps it.
    ///   - finished: called when all that has been submitted, from any thread.
    func redeliver(
        _ stanza: OutgoingStanza, since time: Timestamp? = nil, from output: SessionOutput,
        _ changes: [StorageChange] = [],
        finished: (@Sendable () -> Void)? = nil
    ) {
        let (host, record) = (output.host, output.record)
        // What the account itself says, such as a copy or an answer in messages, was for that session alone.
        guard stanza.kind == .message, let from = stanza.from,
            from.isFull || !from.isSameBare(as: record.jid),
            !output.leavesToOthers(stanza, at: time ?? stanza.time ?? host.now()),
            let message = host.stanza(fromOwn: stanza.bytes, "a message that a session leaves behind")
        else {
            host.store(changes)
            finished?()
            return
        }
        var event = StanzaContext(
            stanza: message, from: from, to: record.jid, origin: nil, loaded: host.loaded, recipient: record,
            stage: .deliver)
        event.commit(changes)
        event.detached = output
        event.time = event.takeStamp() ?? stanza.time ?? time
        event.finished = finished
        route(&event)
    }

    /// Nobody took the message, and nothing keeps it.
    func undelivered(_ event: StanzaContext) {
        guard event.stanza.kind == .message else { return }
        refuse(event, .serviceUnavailable)
    }

    /// Sends a stanza that is on its way to a session, with the addresses as they are known now.
    public func send(_ event: StanzaContext, to session: ClientSession) { event.host.store(session.send(event)) }
}

extension StanzaContext {
    /// The stanza as it goes to somebody who may have to be waited for.
    ///
    /// - Parameter others: the resources of the account that get it as well.
    func outgoing(alsoTo others: [String] = []) -> OutgoingStanza {
        var writer = XMLWriter()
        write(to: &writer)
        return OutgoingStanza(
            writer.finish(), stanza.kind, from: from, time: time, alsoDeliveredTo: others, trace: number)
    }
}
