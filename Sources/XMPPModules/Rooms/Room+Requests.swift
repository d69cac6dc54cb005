import NIOCore
import XMPPServer

/// Requests of occupants to each other, XEP-0045 §17.4, and to themselves (XEP-0410).
extension Room {
    /// A request that the room has passed on.
    struct Relayed: Sendable {
        /// The session that has asked, and the id that it has given.
        let asker: JID
        let id: String
        /// The occupant that was asked.
        let place: JID
        /// Where the answer comes from.
        let from: JID
        /// Answers in the place of somebody who does not.
        let alarm: Scheduled<Void>
    }

    private static let maximumRelayed = 500
    /// Of one session: nobody takes the room's requests from the others.
    private static let maximumOfOne = 20

    /// Whether somebody is in the room under a nickname; nil: somebody else is asked.
    func isThere(_ session: JID, at place: JID) -> Result<Void, StanzaError>? {
        guard let occupant = occupant(session) else { return .failure(.notAcceptable) }
        return occupant.address == place ? .success(()) : nil
    }

    /// Passes a request on to an occupant.
    ///
    /// - Returns: why not; nil: it is on its way.
    func relays(_ event: StanzaContext, to place: JID) -> StanzaError? {
        guard exists, let asker = occupant(event.from) else { return .notAcceptable }
        guard let asked = occupant(at: place), asked.address == place, let session = asked.sessions.last?.jid else {
            return .itemNotFound
        }
        guard relayed.count < Self.maximumRelayed,
            relayed.values.count(where: { $0.asker == event.from }) < Self.maximumOfOne
        else { return .resourceConstraint }
        let request = event.stanza.element
        // What an account answers, no session does.
        let isForAccount = request.firstChild?.isIn(.vCard) == true || request.firstChild?.isIn(.pubSub) == true
        let to = isForAccount ? asked.jid : session
        let id = SecureRandom.text(length: 12)
        let alarm = loop.eventLoop.scheduleTask(in: TimeAmount(host.iqTime)) { [self] in
            if let request = relayed.removeValue(forKey: id) { refuse(request, .remoteServerTimeout) }
            service.directory.letGo(self)
        }
        relayed[id] = Relayed(asker: event.from, id: event.stanza.id ?? "", place: place, from: to, alarm: alarm)
        pass(request, id: id, from: asker.address, to: to)
        return nil
    }

    /// An answer has come, to the address of the occupant who has asked.
    ///
    /// - Returns: whether it answers a request that was passed on.
    @discardableResult
    func answered(_ stanza: Stanza, from: JID) -> Bool {
        guard let id = stanza.id, let request = relayed[id], request.from == from else { return false }
        relayed[id] = nil
        request.alarm.cancel()
        if occupant(request.asker) != nil {
            pass(stanza.element, id: request.id, from: request.place, to: request.asker)
        }
        return true
    }

    private func pass(_ element: Element, id: String, from: JID, to: JID) {
        var writer = XMLWriter()
        writer.stanza(element, from: from.string, to: to.string, id: id)
        guard let stanza = host.stanza(fromOwn: writer.finish(), "a request to an occupant") else { return }
        host.router.route(stanza, from: from, to: to, host: host, origin: self)
    }

    /// Those who are gone ask nothing any more, and answer nothing.
    func endRequests(of session: JID) {
        guard !relayed.isEmpty else { return }
        for (id, request) in relayed where request.asker == session || request.from == session {
            relayed[id] = nil
            request.alarm.cancel()
            if request.asker != session { refuse(request, .itemNotFound) }
        }
    }

    private func refuse(_ request: Relayed, _ error: StanzaError) {
        guard occupant(request.asker) != nil else { return }
        var writer = XMLWriter()
        writer.element(
            "iq", .client,
            ["type": "error", "id": request.id, "from": request.place.string, "to": request.asker.string]
        ) { error.write(to: &$0) }
        guard let stanza = host.stanza(fromOwn: writer.finish(), "an error for an occupant") else { return }
        host.router.route(stanza, from: request.place, to: request.asker, host: host)
    }
}
