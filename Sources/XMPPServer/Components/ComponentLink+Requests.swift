import NIOCore
import XML
import XMPP

/// Requests that a component makes in the names of its host's accounts.
extension ComponentLink {
    /// Handles a request that contains another one to be made in the name of the addressed account.
    ///
    /// - Returns: false: it contains none, or the component has no privileges.
    func asks(_ stanza: Stanza, from: JID, to account: JID) -> Bool {
        guard let privileges, stanza.type == .get || stanza.type == .set,
            let privileged = stanza.element.onlyChild, privileged.isNamed("privileged_iq", .privilege)
        else { return false }
        do throws(StanzaError) {
            guard stanza.hasID else { throw .badRequest }
            guard account.isBare, account.hasLocal, account.isSameDomain(as: host.jid) else { throw .forbidden }
            let (request, to) = try request(in: privileged, stanza.type, of: account, privileges)
            guard askedCount < host.parallelRequests else { throw StanzaError(.resourceConstraint) }
            withAccount(account, stanza, by: from) { [self] record in
                ask(request, to: to, of: record, in: stanza, by: from)
            }
        } catch {
            refuse(stanza, error, to: from)
        }
        return true
    }

    /// The contained request and its recipient.
    private func request(
        in privileged: Element, _ type: StanzaType?, of account: JID, _ privileges: ComponentPrivileges
    ) throws(StanzaError) -> (Stanza, JID) {
        guard let element = privileged.onlyChild, element.hasName("iq") else { throw .badRequest }
        guard let request = own(element), request.kind == .iq, request.type == type else { throw .forbidden }
        guard request.hasID, let payload = element.onlyChild else { throw .badRequest }
        guard privileges.requests[payload.namespaceName]?.allows(type == .get ? .get : .set) == true else {
            throw .forbidden
        }
        if let from = element["from"], JID(from) != account { throw .forbidden }
        guard let address = element["to"] else { return (request, account) }
        guard let to = JID(address) else { throw .jidMalformed }
        return (request, to)
    }

    /// Sends the request under an id of the server's own, as components and clients may use the same ids.
    private func ask(_ request: Stanza, to: JID, of record: AccountRecord, in outer: Stanza, by from: JID) {
        let account = record.jid
        let session = to.resource.flatMap { router.hosts.cachedAccount(to)?.session($0) }
        askedCount += 1
        let id = router.outgoing.begin(
            from: account, to: to, boundAt: session?.boundAt, within: TimeAmount(host.iqTime), on: loop
        ) { [self] answer in
            loop.eventLoop.execute { [self] in
                askedCount -= 1
                self.answer(outer, "result", to: from) { Self.write(answer, to: request, of: account, by: to, &$0) }
            }
        }
        guard let id else {
            askedCount -= 1
            return refuse(outer, .resourceConstraint, to: from)
        }
        var writer = XMLWriter()
        writer.stanza(request.element, from: account.string, to: to.string, id: id)
        guard let stanza = host.stanza(fromOwn: writer.finish(), "a request of a component") else {
            return router.outgoing.end(id, .none)
        }
        let speaker = AccountSpeaker(record, link: self) { [router] answer in
            let error = answer.element.child("error", .client)
            router.outgoing.end(id, answer.type == .error ? .error(error) : .result(answer.element.firstChild))
        }
        router.received(stanza, from: account, to: to, by: speaker)
    }

    /// Writes an answer as the account would have received it.
    private static func write(
        _ answer: RequestAnswer, to request: Stanza, of account: JID, by answering: JID, _ writer: inout XMLWriter
    ) {
        let isResult = if case .result = answer { true } else { false }
        writer.element("privilege", .privilege) { writer in
            writer.element("forwarded", .forward) { writer in
                writer.element(
                    "iq", .client,
                    [
                        "type": isResult ? "result" : "error", "id": request.id, "from": answering.string,
                        "to": account.string,
                    ]
                ) { writer in
                    switch answer {
                    case .result(let payload?), .error(let payload?): writer.copy(payload)
                    case .result(nil): break
                    case .error(nil): StanzaError(.serviceUnavailable).write(to: &writer)
                    case .none: StanzaError(.remoteServerTimeout).write(to: &writer)
                    }
                }
            }
        }
    }
}
