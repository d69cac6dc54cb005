import XML
import XMPP

/// The served hosts and their services. Read from any thread without a lock; replaced as a whole.
public final class HostTable: Sendable {
    private final class Hosts: Sendable {
        /// Up to so many domains are compared one by one: that takes less than to hash the one that is looked for.
        private static let few = 8

        /// All of them, if they are few.
        private let few: [Host]
        let byDomain: [String: Host]
        let services: [String: any Service]
        let reservedElements: ReservedElements
        /// The services with delegations, by their host's domain.
        let delegates: [String: [any Service]]

        init(_ hosts: [Host], _ services: [any Service]) {
            byDomain = Dictionary(hosts.map { ($0.domain, $0) }) { first, _ in first }
            few = hosts.count <= Self.few ? hosts : []
            self.services = Dictionary(services.map { ($0.domain.domain, $0) }) { first, _ in first }
            var reserved = ReservedElements()
            for module in hosts.flatMap(\.loaded.modules) { reserved.add(module.registrar.reservedElements) }
            reservedElements = reserved
            delegates = Dictionary(grouping: services.filter { !$0.delegations.isEmpty }) { $0.host.domain }
        }

        func host(of address: JID) -> Host? {
            few.isEmpty ? byDomain[address.domain] : few.first { $0.jid.isSameDomain(as: address) }
        }
    }

    private let hosts = Replaceable<Hosts>()
    /// Where accounts and services are at home; nil: here, all of them.
    let placement: (any Placement)?
    /// Whether there are other servers: asked for each stanza.
    let isAlone: Bool

    init(placement: (any Placement)? = nil) {
        self.placement = placement
        isAlone = placement == nil
        serve([], [])
    }

    public subscript(domain: String) -> Host? { hosts.read { $0.byDomain[domain] } }
    /// The host whose domain is that of an address.
    public subscript(of address: JID) -> Host? { hosts.read { $0.host(of: address) } }
    public var all: [Host] { hosts.value.byDomain.values.sorted { $0.domain < $1.domain } }

    /// The service of a domain.
    func service(_ domain: String) -> (any Service)? { hosts.read { $0.services[domain] } }
    public var services: [any Service] { hosts.value.services.values.sorted { $0.domain.domain < $1.domain.domain } }

    /// Elements that are stripped from messages and presence of all hosts' clients: clients trust what their host's
    /// modules add, whichever host the sender is on.
    var reservedElements: ReservedElements { hosts.read { $0.reservedElements } }

    /// The service that answers a request for a host or one of its accounts; nil: the host answers. A service's own
    /// requests are not delegated to it.
    func delegate(of payload: Element, at host: Host, from origin: any StanzaOrigin) -> (any Service)? {
        hosts.read { hosts in
            guard !hosts.delegates.isEmpty else { return nil }
            return hosts.delegates[host.domain]?.first { service in
                origin.service !== service && service.delegations.contains { $0.covers(payload) }
            }
        }
    }

    /// Replaces the hosts, whose modules are loaded, and services.
    func serve(_ hosts: [Host], _ services: [any Service]) { self.hosts.set(Hosts(hosts, services)) }
}
