import NIOCore
import XML
import XMPP
import XMPPStream

/// Requests and their answers, RFC 6120 §8.2.3.
extension StanzaRouter {
    func received(iq event: StanzaEvent, _ session: ClientSession) {
        let stanza = event.stanza
        guard stanza.id != nil else { return bounce(event, .badRequest) }
        switch stanza.type {
        case .get, .set:
            guard let payload = stanza.element.onlyChild else { return bounce(event, .badRequest) }
            request(event, payload, stanza.type == .get ? .get : .set, session)
        case .result, .error:
            // Answers to the server's own requests go no further; others go to the session that asked.
            if let to = event.to, to.isFull { relay(event, to) }
        default:
            bounce(event, .badRequest)
        }
    }

    private func request(_ event: StanzaEvent, _ payload: Element, _ kind: IQRequest.Kind, _ session: ClientSession) {
        let host = session.host
        let target = self.target(of: event.to, session)
        if let handler = host.iqTable.handler(for: kind, payload, target: target) {
            let request = IQRequest(
                kind: kind, payload: payload, stanza: event.stanza, session: session, to: event.to, target: target,
                host: host)
            return answer(request, handler(request), event)
        }
        unanswered(event, target)
    }

    private func target(of to: JID?, _ session: ClientSession) -> IQTarget {
        guard let to else { return .ownAccount }
        guard to.domain == session.host.domain else { return [] }
        guard to.hasLocal else { return to.isFull ? [] : .server }
        if to.isFull { return .session }
        return to.isSameBare(as: session.jid) ? .ownAccount : .account
    }

    /// No handler: another session may answer, or nobody.
    private func unanswered(_ event: StanzaEvent, _ target: IQTarget) {
        if let to = event.to, hosts[to.domain] == nil {
            return bounce(event, StanzaError(.remoteServerNotFound))
        }
        guard let to = event.to, to.isFull, to.hasLocal else { return bounce(event, .serviceUnavailable) }
        relay(event, to)
    }

    /// Passes an IQ from session to session, if the hosts allow it.
    private func relay(_ event: StanzaEvent, _ to: JID) {
        guard let host = hosts[to.domain], let session = host.accounts.resident(to)?.session(to.resource ?? "") else {
            return bounce(event, .serviceUnavailable)
        }
        var event = event
        event.host = host
        event.account = session.record
        let hooks = host.iqToSession
        switch hooks.run(&event, from: 0, to: hooks.entries.count) {
        case .passed: send(event, to: session)
        case .handled: break
        case .bounced(let error): bounce(event, error)
        case .waiting, .keeping: bounce(event, .internalServerError)
        }
    }

    // MARK: Answers

    private func answer(_ request: IQRequest, _ reply: Reply, _ event: StanzaEvent) {
        switch reply {
        case .ok:
            result(request) { _ in }
        case .result(let write):
            result(request, write)
        case .error(let error):
            refuse(request, error)
        case .last(let error):
            result(request) { _ in }
            request.session.end(error)
        case .pass:
            unanswered(event, request.target)
        case .async(let operation):
            later(request, operation, event)
        }
    }

    private func result(_ request: IQRequest, _ write: (inout XMLWriter) -> Void) {
        request.session.send { writer in
            writer.start("iq", .client)
            writer.attribute("type", "result" as StaticString)
            writer.attribute("id", request.stanza.id)
            writer.attribute("from", replyAddress(request))
            writer.attribute("to", request.session.jid.string)
            write(&writer)
            writer.end()
        }
    }

    /// The address that a request was sent to, byte for byte; none where it had none. That suits every client: some
    /// take a reply only from where they sent the request, others a roster only from nowhere.
    private func replyAddress(_ request: IQRequest) -> String? {
        if let address = request.stanza.element["to"] { return address }
        return request.host.repliesFromDomain && !request.payload.isIn(.roster) ? request.host.domain : nil
    }

    private func refuse(_ request: IQRequest, _ error: StanzaError) {
        request.session.send { writer in
            request.stanza.writeError(error, from: replyAddress(request), to: request.session.jid.string, to: &writer)
        }
    }

    private func later(_ request: IQRequest, _ operation: @escaping @Sendable () async -> Reply, _ event: StanzaEvent) {
        let pending = PendingRequest(request) { self.answer(request, $0, event) }
        request.session.requestStarted(pending)
        pending.start(operation, deadline: TimeAmount(request.host.iqTime))
    }
}
