import NIOCore
import XML
import XMPP
import XMPPStream

/// Delivery to the sessions of an account, RFC 6121 §8.5.
extension StanzaRouter {
    /// The outcome of a delivery.
    enum Delivered {
        /// There is nothing left to do.
        case done
        case refused(StanzaError)
        /// No session takes it.
        case nobody
    }

    /// Hands a message or an IQ to the sessions that are to get it. Presence is delivered by the module that knows the roster.
    func deliver(_ event: inout StanzaContext) -> Delivered {
        guard let account = event.account else { return .done }
        guard event.stanza.kind == .message else {
            return event.stanza.kind == .iq ? deliver(iq: event, to: account) : .done
        }
        var sessions = account.sessions
        // Not to sessions that are ending as well: they would redeliver it to each other for ever.
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

    /// Redelivers a message that has not reached a session's client, as if the session did not exist: to the account's other
    /// sessions, or it is stored.
    ///
    /// - Parameters:
    ///   - time: when the session got it; nil: it has not.
    ///   - changes: changes to commit together with the redelivery.
    ///   - finished: called when all changes have been submitted, from any thread.
    func redeliver(
        _ stanza: OutgoingStanza, since time: Timestamp? = nil, from output: SessionOutput,
        _ changes: [StorageChange] = [],
        finished: (@Sendable () -> Void)? = nil
    ) {
        let (host, record) = (output.host, output.record)
        // A message of the account itself, such as a copy, was for that session alone.
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

    /// Refuses a message that no session takes and no module stores.
    func undelivered(_ event: StanzaContext) {
        guard event.stanza.kind == .message else { return }
        refuse(event, .serviceUnavailable)
    }

    /// Sends a stanza that is on its way to a session, with the addresses as they are known now.
    public func send(_ event: StanzaContext, to session: ClientSession) { event.host.store(session.send(event)) }
}

extension StanzaContext {
    /// The stanza for a recipient that may take it later.
    ///
    /// - Parameter others: the resources of the account that get it as well.
    func outgoing(alsoTo others: [String] = []) -> OutgoingStanza {
        var writer = XMLWriter()
        write(to: &writer)
        return OutgoingStanza(
            writer.finish(), stanza.kind, from: from, time: time, alsoDeliveredTo: others, trace: number)
    }
}
