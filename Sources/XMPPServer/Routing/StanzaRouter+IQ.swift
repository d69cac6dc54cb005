import NIOCore
import XML
import XMPP
import XMPPStream

/// Requests and their answers, RFC 6120 §8.2.3.
extension StanzaRouter {
    func received(iq event: inout StanzaContext, _ session: ClientSession) {
        guard event.stanza.hasID else { return bounce(event, .badRequest) }
        guard passes(session.host.iqFromClient, &event) else { return }
        let stanza = event.stanza
        switch stanza.type {
        case .get, .set:
            guard let payload = stanza.element.onlyChild else { return bounce(event, .badRequest) }
            request(event, payload, stanza.type == .get ? .get : .set, session)
        case .result, .error:
            // Answers to the server's own requests go no further; others go to the session that asked.
            if outgoing.answered(stanza, from: session, to: event.to) { return }
            if let id = stanza.id, let to = event.to, let requests = session.record.known(AccountRecord.relayedRequests)
            {
                requests.answered(id, by: session, to: to)
            }
            if let to = event.to, to.isFull { relay(event, to) }
        default:
            bounce(event, .badRequest)
        }
    }

    private func request(_ event: StanzaContext, _ payload: Element, _ kind: IQRequest.Kind, _ session: ClientSession) {
        let (place, target) = place(event.to, session)
        // What is answered for any address is answered by the asker's host.
        var host = session.host
        var entry = host.iqTable.entry(for: kind, payload, target: place === host ? target : [])
        if entry == nil, let place, place !== host {
            host = place
            entry = place.iqTable.entry(for: kind, payload, target: target)
        }
        guard let entry else { return unanswered(event) }
        let request = IQRequest(
            kind: kind, payload: payload, stanza: event.stanza, from: session.jid, rights: session.rights,
            to: event.to, target: target, host: host, session: session)
        guard request.rights.isSuperset(of: entry.needs) else { return refuse(request, StanzaError(.forbidden)) }
        if target == .account, !host.iqToAccount.entries.isEmpty { return ask(request, entry.handler, event) }
        answer(request, entry.handler(request), event)
    }

    /// The host that may answer for an address, and what the address is there; nil: none here.
    private func place(_ to: JID?, _ session: ClientSession) -> (Host?, IQTarget) {
        guard let to else { return (session.host, .ownAccount) }
        switch hosts.recipient(of: to) {
        case .host(let host, let jid): return (host, jid.isFull ? [] : .server)
        case .account(let host, let jid):
            if jid.isFull { return (host, .session) }
            return (host, jid.isSameBare(as: session.jid) ? .ownAccount : .account)
        case .unknown: return (nil, [])
        }
    }

    /// Asks the account's hooks before the host answers for it. Whoever has no account is answered for all the same.
    private func ask(_ request: IQRequest, _ handler: @escaping IQTable.Handler, _ event: StanzaContext) {
        let host = request.host
        if let account = host.accounts.cached(request.owner) {
            return answer(request, refusal(request, account, event) ?? handler(request), event)
        }
        let operation: @Sendable () async -> Reply = { [self] in
            switch await host.find(request.owner) {
            case .failure(let error): .error(error)
            case .success(let account): account.flatMap { refusal(request, $0, event) } ?? .pass
            }
        }
        later(request, operation) { [self] reply in
            if case .pass = reply { answer(request, handler(request), event) } else { answer(request, reply, event) }
        }
    }

    /// What the account's hooks have against a request.
    private func refusal(_ request: IQRequest, _ account: AccountRecord, _ event: StanzaContext) -> Reply? {
        var event = event
        event.account = account
        let hooks = request.host.iqToAccount
        switch hooks.run(&event, from: 0, to: hooks.entries.count) {
        case .passed: return nil
        case .bounced(let error, _): return .error(error)
        case .handled, .waiting, .keeping: return .error(.internalServerError)
        }
    }

    /// Runs handlers that do not wait. `false`: the stanza goes no further.
    private func passes(_ hooks: HookList<StanzaContext>, _ event: inout StanzaContext) -> Bool {
        switch hooks.run(&event, from: 0, to: hooks.entries.count) {
        case .passed: return true
        case .handled: return false
        case .bounced(let error, _): bounce(event, error)
        case .waiting, .keeping: bounce(event, .internalServerError)
        }
        return false
    }

    /// No handler: another session may answer, or nobody.
    private func unanswered(_ event: StanzaContext) {
        switch event.to.map(hosts.recipient) {
        case .unknown: bounce(event, StanzaError(.remoteServerNotFound))
        case .account(_, let to) where to.isFull: relay(event, to)
        case .account, .host, nil: bounce(event, .serviceUnavailable)
        }
    }

    /// Passes an IQ from session to session, if the hosts allow it.
    private func relay(_ event: StanzaContext, _ to: JID) {
        guard let session = hosts.cachedAccount(to)?.session(to.resource ?? "") else {
            return bounce(event, .serviceUnavailable)
        }
        var event = event
        event.host = session.host
        event.account = session.record
        guard passes(session.host.iqToSession, &event) else { return }
        guard event.stanza.type == .get || event.stanza.type == .set, let id = event.stanza.id else {
            return send(event, to: session)
        }
        let requests = session.record[AccountRecord.relayedRequests]
        requests.add(.init(id: id, from: event.from, to: session))
        send(event, to: session)
        // It may have ended just before the request was noted.
        guard session.record.session(to.resource ?? "")?.boundAt != session.boundAt else { return }
        if requests.answered(id, by: session, to: event.from) { bounce(event, .serviceUnavailable) }
    }

    /// Answers in the place of a session that is over, RFC 6121 §8.5.3.2.3.
    func answerRequests(of session: ClientSession) {
        guard let requests = session.record.known(AccountRecord.relayedRequests)?.ended(session) else { return }
        for request in requests {
            hosts.cachedAccount(request.from)?.session(request.from.resource ?? "")?.send { writer in
                writer.element(
                    "iq", .client,
                    ["type": "error", "id": request.id, "from": session.jid.string, "to": request.from.string]
                ) { StanzaError(.serviceUnavailable).write(to: &$0) }
            }
        }
    }

    // MARK: Answers

    private func answer(_ request: IQRequest, _ reply: Reply, _ event: StanzaContext) {
        switch reply {
        case .ok:
            result(request) { _ in }
        case .result(let write):
            result(request, write)
        case .preceded(let count, let send, let write):
            var index = 0
            request.session.sendBatch {
                guard index < count else { return false }
                send(index, request.session)
                index += 1
                return true
            } then: { [self] isSent in
                if isSent { result(request, write) } else { refuse(request, StanzaError(.resourceConstraint)) }
            }
        case .error(let error):
            refuse(request, error)
        case .last(let error):
            result(request) { _ in }
            request.session.end(error)
        case .pass:
            unanswered(event)
        case .async(let operation):
            later(request, operation) { self.answer(request, $0, event) }
        }
    }

    private func result(_ request: IQRequest, _ write: (inout XMLWriter) -> Void) {
        request.session.send(isAwaited: true) { writer in
            writer.start("iq", .client)
            writer.attribute("type", "result" as StaticString)
            writer.attribute("id", repeating: "id", of: request.stanza.element)
            if !writer.attribute("from", repeating: "to", of: request.stanza.element) {
                writer.attribute("from", replyAddress(request))
            }
            writer.attribute("to", request.from.string)
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
            request.stanza.writeError(error, from: replyAddress(request), to: request.from.string, to: &writer)
        }
    }

    private func later(
        _ request: IQRequest, _ operation: @escaping @Sendable () async -> Reply,
        then: @escaping (Reply) -> Void
    ) {
        let pending = PendingRequest(request, answer: then)
        request.session.requestStarted(pending)
        pending.start(operation, deadline: TimeAmount(request.host.iqTime))
    }
}
