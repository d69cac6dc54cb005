import XMPP

/// The hosts that are served here, with the services that belong to them. Read from any thread without a lock; replaced as a
/// whole.
public final class HostTable: Sendable {
    private final class Hosts: Sendable {
        /// Up to so many domains are compared one by one: that takes less than to hash the one that is looked for.
        private static let few = 8

        /// All of them, if they are few.
        private let few: [Host]
        let byDomain: [String: Host]
        let services: [String: any Service]
        let reservedElements: ReservedElements

        init(_ hosts: [Host], _ services: [any Service]) {
            byDomain = Dictionary(hosts.map { ($0.domain, $0) }) { first, _ in first }
            few = hosts.count <= Self.few ? hosts : []
            self.services = Dictionary(services.map { ($0.domain.domain, $0) }) { first, _ in first }
            var reserved = ReservedElements()
            for module in hosts.flatMap(\.loaded.modules) { reserved.add(module.registrar.reservedElements) }
            reservedElements = reserved
        }

        func host(of address: JID) -> Host? {
            few.isEmpty ? byDomain[address.domain] : few.first { $0.jid.isSameDomain(as: address) }
        }
    }

    private let hosts = Replaceable<Hosts>()
    /// Where accounts and services are at home; nil: here, all of them.
    let placement: (any Placement)?

    init(placement: (any Placement)? = nil) {
        self.placement = placement
        serve([], [])
    }

    public subscript(domain: String) -> Host? { hosts.read { $0.byDomain[domain] } }
    /// The host whose domain is that of an address.
    public subscript(of address: JID) -> Host? { hosts.read { $0.host(of: address) } }
    public var all: [Host] { hosts.value.byDomain.values.sorted { $0.domain < $1.domain } }

    /// The service that a domain belongs to.
    func service(_ domain: String) -> (any Service)? { hosts.read { $0.services[domain] } }
    public var services: [any Service] { hosts.value.services.values.sorted { $0.domain.domain < $1.domain.domain } }

    /// What is taken off the messages and presence that clients of any host send: what one host's modules write is believed by
    /// its clients, whichever host its sender is at.
    var reservedElements: ReservedElements { hosts.read { $0.reservedElements } }

    /// Serves these from now on, whose modules are loaded.
    func serve(_ hosts: [Host], _ services: [any Service]) { self.hosts.set(Hosts(hosts, services)) }
}
