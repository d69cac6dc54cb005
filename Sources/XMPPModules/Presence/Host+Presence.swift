import NIOCore
import XMPPServer

/// Presence that the server sends in an account's name.
extension Host {
    /// A presence stanza of the server's own.
    func presence(type: StanzaType, from: JID, to: JID) -> Stanza? {
        var writer = XMLWriter()
        writer.start("presence", .client)
        writer.attribute("from", from.string)
        writer.attribute("to", to.string)
        if let name = type.name { writer.attribute("type", name) }
        writer.end()
        return stanza(fromOwn: writer.finish(), "presence of the server's own")
    }

    /// Sends a subscription stanza, RFC 6121 §3.
    func send(_ type: SubscriptionType, from: JID, to: JID) {
        guard let stanza = presence(type: type.stanzaType, from: from, to: to) else { return }
        router.route(stanza, from: from, to: to, host: self)
    }

    /// A request for a subscription as it leaves the account that asks.
    func asking(_ stanza: Stanza, of record: AccountRecord, to contact: JID) -> Stanza {
        var event = Presence.Asking(stanza, of: record.account, to: contact, host: self)
        fire(Presence.asking, &event)
        return event.stanza
    }

    /// Sends the present presence of an account's sessions to one address, RFC 6121 §3.1.6.
    ///
    /// - Parameter facts: what the server of that address has to know.
    func sendPresence(of record: AccountRecord, to contact: JID, _ facts: MessageFacts = []) {
        guard !record.blocks(contact) else { return }
        for session in record.sessions {
            guard let presence = session.presence.flatMap(Stanza.init) else { continue }
            router.route(presence, from: session.jid, to: contact, host: self, facts: facts)
        }
    }

    /// Sends one address that an account's sessions are unavailable, RFC 6121 §3.2.1.
    func sendUnavailable(of record: AccountRecord, to contact: JID) {
        for session in record.sessions where session.isAvailable {
            guard let stanza = presence(type: .unavailable, from: session.jid, to: contact) else { continue }
            router.route(stanza, from: session.jid, to: contact, host: self)
        }
    }

    /// Ends the subscriptions between an account and a contact, RFC 6121 §2.5.2.
    func endSubscriptions(of record: AccountRecord, with item: RosterItem) {
        if item.state.hasTo || item.state.asks { send(.unsubscribe, from: record.jid, to: item.jid) }
        guard item.state.hasFrom else { return }
        send(.unsubscribed, from: record.jid, to: item.jid)
        sendUnavailable(of: record, to: item.jid)
    }

    /// Why a session may not send a subscription request or a pre-approval now; nil: it may, and this counts as one.
    func mayInvite(_ session: ClientSession) -> StanzaError? {
        var event = SessionEvent(session: session, host: self)
        return fire(Presence.inviting, &event)
    }

    /// Sends a subscription request in an account's name, as if its client had.
    ///
    /// - Returns: why it is not sent; nil: it is.
    func invite(_ contact: JID, of record: AccountRecord) -> StanzaError? {
        do throws(RosterBounds.Exceeded) {
            let change = try record.updateRoster(contact, within: rosterBounds) { item in
                var item = item ?? RosterItem(jid: contact)
                item.state = item.state.outbound(.subscribe).newState
                item.isListed = true
                return item
            }
            pushRoster(change, of: record)
        } catch {
            return .policyViolation
        }
        if let stanza = presence(type: .subscribe, from: record.jid, to: contact) {
            router.route(asking(stanza, of: record, to: contact), from: record.jid, to: contact, host: self)
        }
        return nil
    }
}

extension SubscriptionType {
    var stanzaType: StanzaType {
        switch self {
        case .subscribe: .subscribe
        case .subscribed: .subscribed
        case .unsubscribe: .unsubscribe
        case .unsubscribed: .unsubscribed
        }
    }
}
