import NIOCore
import XML
import XMPP

/// Messages that a component sends in the names of its host's accounts (`ComponentPrivileges`).
extension ComponentLink {
    /// Handles a stanza that contains another one to be sent in an account's name.
    ///
    /// - Returns: false: it contains none, or the component has no privileges.
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

    /// The contained message, its account and its recipient.
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

    /// A nested stanza as a stanza of its own.
    func own(_ element: Element) -> Stanza? {
        guard Stanza(element) != nil else { return nil }
        var writer = XMLWriter()
        writer.stanza(element)
        return host.stanza(fromOwn: writer.finish(), "a stanza in a component's stanza")
    }

    /// Continues with an account's record; if there is no account the component gets an error.
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
        send(stanza.kind, isAwaited: true) { writer in
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
