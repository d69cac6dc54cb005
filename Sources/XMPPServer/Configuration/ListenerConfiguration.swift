import XMPPStream

/// A port where clients connect.
public struct ListenerConfiguration: Hashable, Sendable {
    /// How TLS begins.
    public enum TLSMode: String, CaseIterable, Sendable {
        /// Without TLS at first, then STARTTLS.
        case starttls
        /// With the first byte.
        case direct
        /// The client's first byte decides.
        case either
    }

    /// The addresses to listen on.
    public let addresses: [IPAddress]
    /// The port; 0: any free one.
    public let port: Int
    /// How TLS begins.
    public let tls: TLSMode
    /// The domains that are served here; nil: all.
    public let hosts: [String]?
    /// Where clients are redirected; nil: they are served here.
    public let redirect: RedirectConfiguration?
    /// A further name that certificates may carry.
    public let nodeName: String?
    /// Proxies whose connections begin with the PROXY protocol. Others may not use it.
    public let proxies: [CIDRBlock]

    /// True if a client that connects to `target` reaches this listener, as far as the configuration tells.
    public func isReached(by target: RedirectTarget) -> Bool {
        guard port == target.port, port != 0 else { return false }
        if let nodeName, target.host.lowercased() == nodeName.lowercased() { return true }
        let named = target.host.lowercased() == "localhost"
        guard named || IPAddress(target.host) != nil else { return false }
        let address = IPAddress(target.host)
        return addresses.contains { own in
            own == address || (own.isUnspecified || (named && own.isLoopback)) && (named || address?.isLoopback == true)
        }
    }

    init(_ section: ConfigSection, domains: [String]) {
        addresses = Self.addresses(section)
        port = section.integer("port", default: 5222, in: 0...65_535, "The port; 0: any that is free.")
        tls = section.choice(
            "tls", default: TLSMode.either,
            "How TLS begins: after `starttls`, `direct` with the first byte, or as the client's first byte decides."
        )
        hosts = Self.hosts(section, domains: domains)
        nodeName = section.optionalString(
            "node-name", "The name of this machine, which certificates may carry beside the domain."
        )
        proxies = Self.proxies(section)
        let redirect = section.section("redirect", "Sends clients elsewhere. Without `to`, they are served here.")
        self.redirect = RedirectConfiguration(redirect, domains: domains)
        if self.redirect?.stage == .beforeTLS, tls == .direct {
            redirect.fail(
                "at", "with direct TLS there is nothing before TLS", fix: "write before-sasl, or set tls to either"
            )
        }
    }

    private static func proxies(_ section: ConfigSection) -> [CIDRBlock] {
        let isOn = section.boolean(
            "proxy-protocol", default: false,
            "Whether connections from the `proxies` begin with a header of the PROXY protocol, version 1 or 2, which tells "
                + "whose they are. Connections from elsewhere begin without.")
        let proxies: [CIDRBlock] = section.values(
            "proxies", default: ["127.0.0.0/8", "::1"].compactMap { CIDRBlock($0) }, expected: "a block of addresses",
            example: "\"192.0.2.0/24\", \"2001:db8::/32\" or a single address",
            "The proxies, where `proxy-protocol` is on.")
        if isOn, proxies.isEmpty {
            section.fail("proxies", "nobody could send the header", fix: "list the proxies, or delete proxy-protocol")
        }
        return isOn ? proxies : []
    }

    static func hosts(_ section: ConfigSection, domains: [String]) -> [String]? {
        let hosts = section.strings("hosts", default: [], "The domains that are served here; none: all.")
        for domain in hosts where !domains.contains(normalDomain(domain) ?? domain) {
            let nearest = nearestWord(to: domain, among: domains).map { "did you mean \"\($0)\"?" }
            section.fail(
                "hosts", item: domain, "\"\(domain)\" is not among the hosts",
                fix: nearest ?? "add it to \"hosts:\" at the top"
            )
        }
        return hosts.isEmpty ? nil : hosts.compactMap(normalDomain)
    }

    static func addresses(_ section: ConfigSection) -> [IPAddress] {
        let addresses: [IPAddress] = section.values(
            "addresses", default: [.anyIPv6], expected: "an IP address", example: "\"127.0.0.1\" or \"::1\"",
            "The addresses that are listened on; `::` is every address of the machine, IPv4 too."
        )
        if section.hasEmptyList("addresses") {
            section.fail("addresses", "nobody could connect", fix: "list at least one address, such as \"::\"")
        }
        return addresses
    }
}

// MARK: - All of them

extension ListenerConfiguration {
    static func all(_ root: ConfigSection, domains: [String]) -> [ListenerConfiguration] {
        let sections = root.list("listeners", "Where clients connect. Without any, port 5222 of every address.")
        guard !sections.isEmpty || root.has("listeners") else {
            return [ListenerConfiguration(ConfigSection(), domains: domains)]
        }
        if sections.isEmpty {
            root.fail("listeners", "nobody could connect", fix: "list at least one listener, or delete the key")
        }
        let listeners = sections.map { ListenerConfiguration($0, domains: domains) }
        checkPorts(listeners, sections)
        checkRedirects(listeners, sections, domains: domains)
        return listeners
    }

    private static func checkPorts(_ listeners: [Self], _ sections: [ConfigSection]) {
        for (index, listener) in listeners.enumerated() where listener.port != 0 {
            let taken = listeners[..<index].contains { earlier in
                earlier.port == listener.port && !Set(earlier.addresses).isDisjoint(with: listener.addresses)
            }
            if taken {
                sections[index].fail(
                    "port", "another listener has the same address and port", fix: "choose another port"
                )
            }
        }
    }

    /// Reports listeners that would redirect clients to themselves, directly or through others.
    private static func checkRedirects(_ listeners: [Self], _ sections: [ConfigSection], domains: [String]) {
        let next = listeners.map { listener in
            listener.redirect.flatMap { redirect in
                listeners.firstIndex { $0.isReached(by: redirect.target) }
                    ?? listeners.onlyIndex { other in
                        other.port == redirect.target.port
                            && normalDomain(redirect.target.host).map(domains.contains) ?? false
                    }
            }
        }
        for (start, section) in sections.enumerated() {
            var current = next[start]
            var steps = 1
            while let index = current, index != start, steps < listeners.count {
                // A redirect of some accounts does not affect the others.
                current = listeners[index].redirect?.accounts == nil ? next[index] : nil
                steps += 1
            }
            guard current == start else { continue }
            section.section("redirect", "").fail(
                "to",
                steps == 1
                    ? "the redirect leads to this listener itself"
                    : "the redirect leads back to this listener by way of others",
                fix: "name another host or port, or delete the redirect"
            )
        }
    }
}

extension Array {
    /// The index of the matching element, if it is the only one.
    fileprivate func onlyIndex(where matches: (Element) -> Bool) -> Int? {
        let found = indices.filter { matches(self[$0]) }
        return found.count == 1 ? found.first : nil
    }
}
