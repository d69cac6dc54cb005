/// The configuration of a test's server, as parts of a configuration file.
public struct TestConfiguration: Sendable {
    /// A domain, with settings of its own in YAML.
    public struct Host: Sendable {
        /// The domain.
        public var domain: String
        /// The name of its profile.
        public var profile: String
        /// Lines of YAML.
        public var settings: [String]

        /// A host.
        public init(_ domain: String, profile: String, settings: [String] = []) {
            self.domain = domain
            self.profile = profile
            self.settings = settings
        }
    }

    /// A listener, with settings of its own in YAML.
    public struct Listener: Sendable {
        /// What tests call it.
        public var name: String
        /// Lines of YAML.
        public var settings: [String]

        /// A listener.
        public init(_ name: String, settings: [String] = []) {
            self.name = name
            self.settings = settings
        }
    }

    /// The hosts that are served.
    public var hosts: [Host]
    /// The first is the default for clients.
    public var listeners: [Listener]
    /// Lines of the file beside hosts and listeners, such as profiles.
    public var lines: [String]

    /// One host for each built-in profile, unless others are given.
    public init(
        hosts: [Host] = [Host("messenger.localhost", profile: "messenger"), Host("localhost", profile: "standard")],
        listeners: [Listener] = [Listener("main")],
        lines: [String] = []
    ) {
        self.hosts = hosts
        self.listeners = listeners
        self.lines = lines
    }

    /// The file. In memory there is no TLS, so none is required.
    func yaml(for transport: Transport, certificate: TestCertificate) -> String {
        var text = lines.map { transport.isInMemory ? Self.withoutTLS($0) : $0 }
        text.append("hosts:")
        for host in hosts {
            text.append("  \(host.domain):")
            text.append("    profile: \(host.profile)")
            if transport.isInMemory {
                if !host.settings.contains(where: { $0.hasPrefix("authentication:") }) {
                    text.append("    authentication: {require-tls: off}")
                }
                text += host.settings.map { "    \(Self.withoutTLS($0))" }
            } else {
                text.append("    certificate: \(certificate.certificatePath)")
                text.append("    key: \(certificate.keyPath)")
                text += host.settings.map { "    \($0)" }
            }
        }
        text.append("listeners:")
        for listener in listeners {
            text.append("  - port: 0")
            text.append("    addresses: [\"127.0.0.1\"]")
            text += listener.settings.map { "    \($0)" }
        }
        if hosts.contains(where: { $0.settings.contains { $0.hasPrefix("components:") } }) {
            text += ["component-listeners:", "  - port: 0"]
        }
        return text.joined(separator: "\n") + "\n"
    }

    /// The setting in braces, on the line of its key.
    private static func withoutTLS(_ line: String) -> String {
        line.replacing("authentication: {", with: "authentication: {require-tls: off, ")
    }
}
