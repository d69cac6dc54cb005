import NIOCore
import XML
import XMPP
import XMPPStream

/// Requests and their answers, RFC 6120 §8.2.3.
extension StanzaRouter {
    /// An IQ that has just come.
    func received(iq event: inout StanzaContext) {
        guard event.stanza.hasID else { return bounce(event, .badRequest) }
        route(&event)
    }

    /// Decides who takes an IQ that has left its sender's half. What a host or a service answers is answered here.
    func place(iq event: inout StanzaContext) -> Place {
        let stanza = event.stanza
        switch stanza.type {
        case .get, .set:
            guard let payload = stanza.element.onlyChild else { break }
            // The server's own requests are for services alone; sessions are sent theirs directly.
            guard let origin = event.origin else { return unanswered(&event) }
            return request(&event, payload, stanza.type == .get ? .get : .set, origin)
        case .result, .error:
            return answered(&event)
        default:
            break
        }
        bounce(event, .badRequest)
        return .elsewhere
    }

    /// Answers to the server's own requests go no further; others go to whoever asked.
    private func answered(_ event: inout StanzaContext) -> Place {
        if outgoing.answered(event.stanza, from: event.from, to: event.to) { return .elsewhere }
        guard let to = event.to else { return .elsewhere }
        if let id = event.stanza.id, let session = event.origin?.client,
            let requests = session.record.known(AccountRecord.relayedRequests)
        {
            requests.answered(id, by: session, to: to)
        }
        switch hosts.recipient(of: to) {
        case .account(_, let to) where to.isFull: return relayed(&event, to)
        case .service(let service, _): return .service(service)
        case .remote(let route, let to): cross(event, to: to, by: route)
        case .account, .host, .unknown: break
        }
        return .elsewhere
    }

    private func request(
        _ event: inout StanzaContext, _ payload: Element, _ kind: IQRequest.Kind, _ origin: any StanzaOrigin
    ) -> Place {
        let (place, target, service) = target(of: event)
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
        if !request.rights.isSuperset(of: needs) {
            refuse(request, StanzaError(.forbidden))
        } else if target == .account, service == nil, !host.loaded.declarations.iqToAccount.entries.isEmpty {
            ask(request, handler, event)
        } else {
            return answer(request, handler(request), &event)
        }
        return .elsewhere
    }

    /// The host that may answer for the stanza's address, and what the address is there; nil: none.
    private func target(of event: borrowing StanzaContext) -> (Host?, IQTarget, (any Service)?) {
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
        if let account = host.accounts.cached(request.owner) { return ask(account, request, handler, event) }
        later(request, { await host.find(request.owner) }) { [self] found in
            switch found {
            case .success(let account?): ask(account, request, handler, event)
            case .success(nil): goOn(request, handler(request), event)
            case .failure(let error): refuse(request, error)
            }
        }
    }

    /// Runs the account's hooks from the one with that number on. Like a handler, one that waits holds up nothing else.
    private func ask(
        _ account: AccountRecord, _ request: IQRequest, _ handler: @escaping IQTable.Handler, _ event: StanzaContext,
        from index: Int = 0
    ) {
        var asked = event
        asked.recipient = account
        asked.stage = .toAccount(index)
        let hooks = request.host.loaded.declarations.iqToAccount
        switch hooks.run(&asked, from: index, to: hooks.entries.count) {
        case .passed: goOn(request, handler(request), event)
        case .bounced(let error, _): refuse(request, error)
        case .waiting(let next, let operation):
            later(request, { await Self.lastVerdict(operation) }) { [self] verdict in
                switch verdict {
                case .go: ask(account, request, handler, event, from: next)
                case .bounce(let error): refuse(request, error)
                case .handled, .keep, .wait: refuse(request, .internalServerError)
                }
            }
        case .handled, .keeping: refuse(request, .internalServerError)
        }
    }

    /// The verdict after all that is waited for.
    private static func lastVerdict(_ operation: @escaping @Sendable () async -> Verdict) async -> Verdict {
        var verdict = await operation()
        while case .wait(let operation) = verdict { verdict = await operation() }
        return verdict
    }

    /// No handler: another session may answer, a service, or nobody.
    private func unanswered(_ event: inout StanzaContext) -> Place {
        switch event.to.map(hosts.recipient) {
        case .unknown: bounce(event, StanzaError(.remoteServerNotFound))
        case .service(let service, _): return .service(service)
        case .remote(let route, let to): cross(event, to: to, by: route)
        case .account(_, let to) where to.isFull: return relayed(&event, to)
        // What a server asks an account, one of its sessions answers.
        case .account(_, let to) where event.facts.contains(.fromServer): return relayed(&event, to)
        case .account, .host, nil: bounce(event, .serviceUnavailable)
        }
        return .elsewhere
    }

    /// An IQ for a session goes through the hooks of its host.
    private func relayed(_ event: inout StanzaContext, _ to: JID) -> Place {
        guard let session = hosts.cachedAccount(to)?.session(for: to) else {
            bounce(event, .serviceUnavailable)
            return .elsewhere
        }
        event.loaded = session.host.loaded
        event.recipient = session.record
        event.stage = .toAccount(0)
        return .account
    }

    /// Passes an IQ to the session of its recipient.
    func deliver(iq event: StanzaContext, to account: AccountRecord) -> Delivered {
        guard let to = event.to, let session = account.session(for: to) else { return .refused(.serviceUnavailable) }
        guard event.stanza.type == .get || event.stanza.type == .set, let id = event.stanza.id else {
            send(event, to: session)
            return .done
        }
        let requests = account[AccountRecord.relayedRequests]
        requests.add(.init(id: id, from: event.from, to: session))
        send(event, to: session)
        // It may have ended just before the request was noted.
        guard account.session(session.jid.resource ?? "")?.boundAt != session.boundAt,
            requests.answered(id, by: session, to: event.from)
        else { return .done }
        return .refused(.serviceUnavailable)
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

    /// Answers later than when the request came.
    private func goOn(_ request: IQRequest, _ reply: Reply, _ event: StanzaContext) {
        var event = event
        switch answer(request, reply, &event) {
        case .account: route(&event)
        case .service(let service): _ = end(&event, offer(&event, to: service))
        case .elsewhere: break
        }
    }

    /// - Returns: where the request goes if there is no reply.
    private func answer(_ request: IQRequest, _ reply: Reply, _ event: inout StanzaContext) -> Place {
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
            return unanswered(&event)
        case .async(let operation):
            later(request, operation) { [self, event] in goOn(request, $0, event) }
        }
        return .elsewhere
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

    /// Goes on with `then` after an operation; when its time is over the request is refused. The asker's further stanzas do
    /// not wait.
    private func later<Value: Sendable>(
        _ request: IQRequest, _ operation: @escaping @Sendable () async -> Value,
        then: @escaping @Sendable (Value) -> Void
    ) {
        let pending = PendingRequest(of: request.origin, from: request.from)
        request.origin.requestStarted(pending)
        pending.start(operation, within: TimeAmount(request.host.iqTime)) { [self] value in
            if let value { then(value) } else { refuse(request, StanzaError(.resourceConstraint)) }
        }
    }
}
