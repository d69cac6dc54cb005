import NIOCore
import XML
import XMPP
import XMPPStream

/// Requests and their answers, RFC 6120 §8.2.3.
extension StanzaRouter {
    /// An IQ that has just come.
    func received(iq event: inout StanzaContext) {
        guard event.stanza.hasID else { return bounce(event, .badRequest) }
        guard event.sender == nil || passes(event.loaded.declarations.iqFromClient, &event) else { return }
        route(iq: &event)
    }

    /// An IQ that has left its sender's half.
    func route(iq event: inout StanzaContext) {
        event.stage = .addressed
        let stanza = event.stanza
        switch stanza.type {
        case .get, .set:
            guard let payload = stanza.element.onlyChild else { return bounce(event, .badRequest) }
            // The server's own requests are for services alone; sessions are sent theirs directly.
            guard let origin = event.origin else { return unanswered(&event) }
            request(&event, payload, stanza.type == .get ? .get : .set, origin)
        case .result, .error:
            answered(&event)
        default:
            bounce(event, .badRequest)
        }
    }

    /// Answers to the server's own requests go no further; others go to whoever asked.
    private func answered(_ event: inout StanzaContext) {
        if outgoing.answered(event.stanza, from: event.from, to: event.to) { return }
        guard let to = event.to else { return }
        if let id = event.stanza.id, let session = event.origin?.client,
            let requests = session.record.known(AccountRecord.relayedRequests)
        {
            requests.answered(id, by: session, to: to)
        }
        switch hosts.recipient(of: to) {
        case .account(_, let to) where to.isFull: relay(event, to)
        case .service: route(&event)
        case .remote(let route, let to): cross(event, to: to, by: route)
        case .account, .host, .unknown: break
        }
    }

    private func request(
        _ event: inout StanzaContext, _ payload: Element, _ kind: IQRequest.Kind, _ origin: any StanzaOrigin
    ) {
        let (place, target, service) = place(event)
        // What is answered for any address is answered by the asker's host.
        var host = event.host
        let isAtHome = place === host && service == nil
        var entry = host.loaded.declarations.iqTable.entry(for: kind, payload, target: isAtHome ? target : [])
        if entry == nil, let place, !isAtHome {
            host = place
            entry =
                service?.declarations?.iqTable.entry(for: kind, payload, target: target)
                ?? place.loaded.declarations.iqTable.entry(
                    for: kind, payload, target: service == nil ? target : .service)
        }
        let handler: IQTable.Handler
        var needs = entry?.needs ?? .owner
        if let place, service == nil, !target.isDisjoint(with: [.server, .ownAccount, .account]),
            let delegate = hosts.delegate(of: payload, at: place, from: origin)
        {
            // A namespace that the host does not know is like what programs keep with the account.
            if host !== place || entry == nil { needs = target == .ownAccount ? .changeSettings : .chat }
            host = place
            handler = { delegate.answer(delegated: $0) }
        } else if let entry {
            handler = entry.handler
        } else {
            return unanswered(&event)
        }
        let request = IQRequest(
            kind: kind, payload: payload, stanza: event.stanza, from: event.from, rights: origin.rights,
            to: event.to, target: target, host: host, service: service, origin: origin)
        guard request.rights.isSuperset(of: needs) else { return refuse(request, StanzaError(.forbidden)) }
        if target == .account, service == nil, !host.loaded.declarations.iqToAccount.entries.isEmpty {
            return ask(request, handler, event)
        }
        answer(request, handler(request), event)
    }

    /// The host that may answer for the stanza's address, and what the address is there; nil: none.
    private func place(_ event: borrowing StanzaContext) -> (Host?, IQTarget, (any Service)?) {
        guard let to = event.to else { return (event.host, .ownAccount, nil) }
        switch hosts.recipient(of: to) {
        case .host(let host, let jid): return (host, jid.isFull ? [] : .server, nil)
        case .account(let host, let jid):
            if jid.isFull { return (host, .session, nil) }
            return (host, jid.isSameBare(as: event.from) ? .ownAccount : .account, nil)
        case .service(let service, let jid) where service.declarations != nil:
            return (service.host, jid.isFull ? .session : jid.hasLocal ? .account : .server, service)
        case .service, .remote, .unknown: return (nil, [], nil)
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
        event.recipient = account
        event.stage = .toAccount(0)
        let hooks = request.host.loaded.declarations.iqToAccount
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

    /// No handler: another session may answer, a service, or nobody.
    private func unanswered(_ event: inout StanzaContext) {
        switch event.to.map(hosts.recipient) {
        case .unknown: bounce(event, StanzaError(.remoteServerNotFound))
        case .service: route(&event)
        case .remote(let route, let to): cross(event, to: to, by: route)
        case .account(_, let to) where to.isFull: relay(event, to)
        case .account(let host, let to):
            // What a server asks an account, one of its sessions answers.
            if event.facts.contains(.fromServer), let session = host.accounts.cached(to)?.session(for: to) {
                relay(event, session.jid)
            } else {
                bounce(event, .serviceUnavailable)
            }
        case .host, nil: bounce(event, .serviceUnavailable)
        }
    }

    /// Passes an IQ from session to session, if the hosts allow it.
    private func relay(_ event: StanzaContext, _ to: JID) {
        guard let session = hosts.cachedAccount(to)?.session(to.resource ?? "") else {
            return bounce(event, .serviceUnavailable)
        }
        var event = event
        event.loaded = session.host.loaded
        event.recipient = session.record
        event.stage = .toAccount(0)
        guard passes(event.loaded.declarations.iqToSession, &event) else { return }
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
            send(from: session.jid, to: request.from, at: session.host) { writer in
                writer.element(
                    "iq", .client,
                    ["type": "error", "id": request.id, "from": session.jid.string, "to": request.from.string]
                ) { StanzaError(.serviceUnavailable).write(to: &$0) }
            }
        }
    }

    /// Sends an IQ of the server's own to a session or a service. Nobody waits for its answer, see `request`.
    public func send(from: JID, to: JID, at host: Host, _ write: (inout XMLWriter) -> Void) {
        switch hosts.recipient(of: to) {
        case .account:
            hosts.cachedAccount(to)?.session(to.resource ?? "")?.send(.iq, write)
        case .service, .remote:
            var writer = XMLWriter()
            write(&writer)
            guard let stanza = host.stanza(fromOwn: writer.finish(), "an IQ of the server's own") else { return }
            route(stanza, from: from, to: to, host: host)
        case .host, .unknown:
            break
        }
    }

    // MARK: Answers

    private func answer(_ request: IQRequest, _ reply: Reply, _ event: StanzaContext) {
        switch reply {
        case .ok:
            result(request) { _ in }
        case .result(let write):
            result(request, write)
        case .preceded(let count, let message, let write):
            request.origin.sendMessages(count, message) { [self] isSent in
                if isSent { result(request, write) } else { refuse(request, StanzaError(.resourceConstraint)) }
            }
        case .error(let error):
            refuse(request, error)
        case .last(let error):
            result(request) { _ in }
            request.origin.client?.end(error)
        case .pass:
            var event = event
            unanswered(&event)
        case .async(let operation):
            later(request, operation) { self.answer(request, $0, event) }
        }
    }

    private func result(_ request: IQRequest, _ write: (inout XMLWriter) -> Void) {
        request.origin.send(.iq, isAwaited: true) { writer in
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
        request.origin.send(.iq, isAwaited: false) { writer in
            request.stanza.writeError(error, from: replyAddress(request), to: request.from.string, to: &writer)
        }
    }

    private func later(
        _ request: IQRequest, _ operation: @escaping @Sendable () async -> Reply,
        then: @escaping (Reply) -> Void
    ) {
        let pending = PendingRequest(request, answer: then)
        request.origin.requestStarted(pending)
        pending.start(operation, deadline: TimeAmount(request.host.iqTime))
    }
}
