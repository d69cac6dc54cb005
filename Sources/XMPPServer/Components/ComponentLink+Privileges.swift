import NIOCore
import XML
import XMPP

/// What a component does in the name of its host's accounts, where the configuration lets it (`ComponentPrivileges`).
extension ComponentLink {
    /// Takes a stanza that holds another one, which is to go out in the name of an account.
    ///
    /// - Returns: false: it holds none, or the component has no privileges.
    func speaks(_ stanza: Stanza, from: JID, to: JID) -> Bool {
        guard let privileges, stanza.kind == .message, stanza.type != .error, to == host.jid,
            let privilege = stanza.element.child("privilege", .privilege)
        else { return false }
        do throws(StanzaError) {
            guard privileges.messages == .outgoing else { throw .forbidden }
            let (message, account, to) = try message(in: privilege)
            speak(message, to: to, of: account, in: stanza, by: from)
        } catch {
            refuse(stanza, error, to: from)
        }
        return true
    }

    /// The message that a component wants to be sent, with the account whose it is to be and its recipient.
    private func message(in privilege: Element) throws(StanzaError) -> (Stanza, JID, JID) {
        guard let forwarded = privilege.onlyChild, forwarded.isNamed("forwarded", .forward),
            let element = forwarded.onlyChild, let message = own(element), message.kind == .message
        else { throw .badRequest }
        guard let from = element["from"].flatMap({ JID($0) }), from.isBare, from.hasLocal,
            from.isSameDomain(as: host.jid)
        else { throw .forbidden }
        guard let address = element["to"] else { throw .badRequest }
        guard let to = JID(address) else { throw .jidMalformed }
        return (message, from, to)
    }

    /// A stanza that stands in another one, by itself.
    private func own(_ element: Element) -> Stanza? {
        guard Stanza(element) != nil else { return nil }
        var writer = XMLWriter()
        writer.stanza(element)
        return host.stanza(fromOwn: writer.finish(), "a stanza in a component's stanza")
    }

    /// Sends a stanza in an account's name; where there is no such account the component is refused.
    private func speak(_ stanza: Stanza, to: JID, of account: JID, in outer: Stanza, by from: JID) {
        let speak: @Sendable (Result<AccountRecord?, StanzaError>?) -> Void = { [self] found in
            switch found {
            case .success(let record?):
                router.received(
                    stanza, from: record.jid, to: to, by: AccountSpeaker(record, link: self, outer, from: from))
            case .success(nil): refuse(outer, .forbidden, to: from)
            case .failure(let error): refuse(outer, error, to: from)
            case nil: refuse(outer, .resourceConstraint, to: from)
            }
        }
        if let record = host.accounts.cached(account) { return speak(.success(record)) }
        pauseReading({ [host] in await host.find(account) }, within: TimeAmount(host.iqTime), then: speak)
    }
}
