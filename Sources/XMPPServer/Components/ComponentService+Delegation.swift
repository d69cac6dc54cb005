import XML
import XMPP

/// Requests to the host and its accounts that the component answers (`Delegation`).
extension ComponentService {
    var delegations: [Delegation] { configuration.delegations }

    /// Tells the component its delegations.
    func announceDelegations(to link: ComponentLink) {
        link.send(.message, isAwaited: false) { writer in
            writer.element("message", .client, ["from": host.domain, "to": domain.string]) { writer in
                writer.element("delegation", .delegation) { writer in
                    for delegation in delegations {
                        writer.element("delegated", nil, ["namespace": delegation.namespace]) { writer in
                            for name in delegation.attributes { writer.element("attribute", nil, ["name": name]) }
                        }
                    }
                }
            }
        }
    }

    /// Forwards the request to the component and relays its answer. With any other answer, or none, the asker gets
    /// `service-unavailable`.
    func answer(delegated request: IQRequest) -> Reply {
        // The component's own requests are not sent back to it.
        if request.origin.service === self { return .error(.itemNotFound) }
        return .async { [self] in
            let answer = await withCheckedContinuation { continuation in
                host.router.request(.set, from: host.jid, at: host, to: domain, within: host.iqTime) { writer in
                    writer.element("delegation", .delegation) { writer in
                        writer.element("forwarded", .forward) { writer in
                            writer.stanza(
                                request.stanza.element, from: request.from.string,
                                to: request.stanza.element["to"])
                        }
                    }
                } then: {
                    continuation.resume(returning: $0)
                }
            }
            guard case .result(let delegation?) = answer, let result = Self.result(in: delegation, of: request) else {
                return .error(.serviceUnavailable)
            }
            return .result { writer in
                for child in result.children { writer.copy(child) }
            }
        }
    }

    // MARK: Service discovery

    /// The node that stands for a delegation in service discovery.
    private static func node(_ delegation: Delegation, ofAccounts: Bool) -> String {
        "\(Namespace.delegation.name)\(ofAccounts ? ":bare:" : "::")\(delegation.namespace)"
    }

    func information(about delegation: Delegation, ofAccounts: Bool) -> Element? {
        information(node: Self.node(delegation, ofAccounts: ofAccounts))
    }

    /// Asks the component for its features, which the host tells in its own answers.
    func askForInformation() {
        for delegation in delegations where !delegation.isOfDiscovery {
            for ofAccounts in [false, true] { ask(node: Self.node(delegation, ofAccounts: ofAccounts)) }
        }
    }

    private func ask(node: String) {
        host.router.request(.get, from: host.jid, at: host, to: domain, within: host.iqTime) { writer in
            writer.element("query", .discoInfo, ["node": node])
        } then: { [self] answer in
            let information: Element? =
                if case .result(let query?) = answer, query.isNamed("query", .discoInfo) { query } else { nil }
            if setInformation(information, node: node) { host.featuresDidChange() }
        }
    }

    // MARK: Answers

    /// The answer to the request in the component's result; nil: it is not one.
    private static func result(in delegation: Element, of request: IQRequest) -> Element? {
        guard delegation.isNamed("delegation", .delegation),
            let forwarded = delegation.onlyChild, forwarded.isNamed("forwarded", .forward),
            let result = forwarded.onlyChild, result.isNamed("iq", .client),
            result.attribute("type", equals: "result"), result["id"] == request.stanza.id,
            result["to"].flatMap({ JID($0) }) == request.from
        else { return nil }
        // A request without an address is to the asker's own account.
        let from = result["from"].map { JID($0) }
        if request.to == nil, from == nil { return result }
        return from == request.owner || from == request.to ? result : nil
    }
}
