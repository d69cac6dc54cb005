/// A port where browsers and apps connect: pages, sign-in for apps, streams over HTTP.
public struct HTTPListenerConfiguration: Hashable, Sendable {
    /// The addresses to listen on.
    public let addresses: [IPAddress]
    /// The port; 0: any free one.
    public let port: Int
    /// Whether connections begin with TLS; without it only this machine can connect.
    public let usesTLS: Bool
    /// The domains that are served here; nil: all.
    public let hosts: [String]?
    /// Proxies whose `X-Forwarded-For` or `Forwarded` is believed.
    public let proxies: [CIDRBlock]

    /// True if `domain` is served here.
    public func serves(_ domain: String) -> Bool {
        hosts?.contains(domain) ?? true
    }

    init(_ section: ConfigSection, domains: [String]) {
        addresses = ListenerConfiguration.addresses(section)
        port = section.integer("port", default: 5443, in: 0...65_535, "The port; 0: any that is free.")
        usesTLS = section.boolean(
            "tls", default: true,
            "Whether connections begin with TLS, by the certificates of the hosts. Without it, only the loopback address "
                + "may be listened on, for a proxy."
        )
        hosts = ListenerConfiguration.hosts(section, domains: domains)
        proxies = section.values(
            "proxies", default: [], expected: "a block of addresses",
            example: "\"192.0.2.0/24\", \"2001:db8::/32\" or a single address",
            "The proxies whose `X-Forwarded-For`, or where that is absent `Forwarded`, tells where a request comes from. They "
                + "must set it themselves. Limits by address are those of the clients then."
        )
        if !usesTLS, let open = addresses.first(where: { !$0.isLoopback }) {
            section.fail(
                "addresses", item: "\(open)", "without TLS, passwords would cross the network in clear",
                fix: "list \"127.0.0.1\" or \"::1\" alone, or set tls to true")
        }
    }

    static func all(_ root: ConfigSection, domains: [String]) -> [HTTPListenerConfiguration] {
        root.list("http-listeners", "Where browsers connect. Without any, nothing is on the web.").map {
            HTTPListenerConfiguration($0, domains: domains)
        }
    }
}
