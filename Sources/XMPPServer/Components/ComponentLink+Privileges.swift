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
            withAccount(account, stanza, by: from) { [self] record in
                let speaker = AccountSpeaker(record, link: self) { [self] answer in
                    guard answer.type == .error, let error = answer.element.child("error", .client) else { return }
                    self.answer(stanza, "error", to: from) { $0.copy(error) }
                }
                router.received(message, from: record.jid, to: to, by: speaker)
            }
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
    func own(_ element: Element) -> Stanza? {
        guard Stanza(element) != nil else { return nil }
        var writer = XMLWriter()
        writer.stanza(element)
        return host.stanza(fromOwn: writer.finish(), "a stanza in a component's stanza")
    }

    /// Goes on with an account; where there is none the component is refused.
    func withAccount(
        _ account: JID, _ stanza: Stanza, by from: JID, _ body: @escaping @Sendable (AccountRecord) -> Void
    ) {
        if let record = host.accounts.cached(account) { return body(record) }
        pauseReading({ [host] in await host.find(account) }, within: TimeAmount(host.iqTime)) { [self] found in
            switch found {
            case .success(let record?): body(record)
            case .success(nil): refuse(stanza, .forbidden, to: from)
            case .failure(let error): refuse(stanza, error, to: from)
            case nil: refuse(stanza, .resourceConstraint, to: from)
            }
        }
    }

    /// Answers a stanza of the component.
    func answer(_ stanza: Stanza, _ type: StaticString, to address: JID, _ content: (inout XMLWriter) -> Void) {
        send(isAwaited: true) { writer in
            writer.start(stanza.kind.name)
            writer.attribute("type", type)
            writer.attribute("id", stanza.id)
            writer.attribute("from", stanza.element["to"])
            writer.attribute("to", address.string)
            content(&writer)
            writer.end()
        }
    }
}
