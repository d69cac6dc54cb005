import XMPP
import XMPPStream

/// An external component: a program that serves a domain of its own, XEP-0114.
public struct ComponentConfiguration: Hashable, Sendable {
    /// The domain in normal form.
    public let domain: String
    /// The shared secret of the handshake.
    public let secret: Redacted<String>
    /// The name in lists of services; nil: what the component says of itself.
    public let name: String?
    /// Bounds for messages that wait while the component is away.
    public let queue: Queue
    /// What the component may do in the names of the host's accounts.
    public let privileges: ComponentPrivileges
    /// The requests that it answers for the host and its accounts.
    public let delegations: [Delegation]

    /// Bounds for messages that wait while a component is away.
    public struct Queue: Hashable, Sendable {
        /// The number of messages; 0: none wait.
        public let count: Int
        /// The bytes of all of them.
        public let bytes: Int
        /// How long each waits before its sender gets an error.
        public let time: Duration

        init(_ section: ConfigSection) {
            count = section.integer("messages", default: 1000, in: 0...100_000, "How many messages wait; 0: none.")
            bytes = section.byteCount("bytes", default: 4 << 20, in: 1024...1 << 30, "Their bytes.")
            time = section.duration(
                "time", default: .seconds(60), in: .seconds(1)...(.seconds(3600)),
                "How long each waits before its sender gets an error.")
        }
    }

    init(domain: String, _ section: ConfigSection) {
        self.domain = domain
        let secret = section.optionalString("secret", "What the component shows to be let in, at least 8 characters.")
        if let secret, secret.count < 8 {
            section.fail(
                "secret", "the secret is short enough to be guessed", fix: "write at least 8 random characters")
        } else if secret == nil, !section.report.collectsReference {
            section.fail(nil, "the component has no secret", fix: "set secret to random characters")
        }
        self.secret = Redacted(secret ?? "")
        name = section.optionalString(
            "name", "What people read where services are listed. Without it, the component's domain alone is shown.")
        queue = Queue(
            section.section("queue", "Bounds for messages that wait while the component is away."))
        privileges = ComponentPrivileges(
            section.section(
                "privileges", "What the component may do in the name of every account of the host."))
        delegations = Delegation.all(section)
    }

    /// The components of a host.
    static func all(_ host: ConfigSection) -> [ComponentConfiguration] {
        let sections = host.sections(
            "components", "Programs that answer for domains of their own, XEP-0114, such as rooms or gateways.")
        var components: [ComponentConfiguration] = []
        var delegated: Set<Delegation> = []
        for (name, section) in sections {
            let domain = normalDomain(name) ?? (host.report.collectsReference ? name : nil)
            guard let domain else {
                section.fail(nil, "\"\(name)\" is no domain", fix: "write a domain such as \"irc.chat.example\"")
                section.ignore()
                continue
            }
            let component = ComponentConfiguration(domain: domain, section)
            for delegation in component.delegations where !delegated.insert(delegation).inserted {
                section.fail(
                    "delegations", "\(delegation.namespace) is delegated to another component already",
                    fix: "delete one of the two")
            }
            components.append(component)
        }
        return components
    }
}
