public import XMPP
public import XMPPStream

/// Sends clients elsewhere with `see-other-host`, RFC 6120 section 4.9.3.19.
public struct RedirectConfiguration: Hashable, Sendable {
    /// When clients are told.
    public typealias Stage = NegotiationSettings.Redirect.Stage

    /// Where clients are sent.
    public let target: RedirectTarget
    /// When clients are redirected.
    public let stage: Stage
    /// The domains whose clients are redirected; nil: all.
    public let hosts: [String]?
    /// The bare JIDs that are redirected; nil: all. Only after sign-in.
    public let accounts: Set<JID>?
    /// How long the client has to close the stream before the server does.
    public let wait: Duration

    /// nil if the section names no target.
    init?(_ section: ConfigSection, domains: [String]) {
        let target: RedirectTarget? = section.optionalValue(
            "to", expected: "a host", example: "\"node.example\" or \"node.example:5223\"",
            "Where clients are sent: `host`, or `host:port` if the port is not 5222."
        )
        stage = section.choice(
            "at", default: Stage.beforeSASL, "When they are told: before TLS, on the TLS stream, or after sign-in."
        )
        let hosts = section.strings("hosts", default: [], "The domains whose clients are sent away; none: all.")
        let accounts = section.strings(
            "accounts", default: [], "The bare JIDs that are sent away; none: all. Only with `at: after-sasl`."
        )
        let addresses = accounts.compactMap { text in
            if let address = JID(text), address.hasLocal, address.isBare { return address }
            section.fail(
                "accounts", item: text, "\"\(text)\" is no account's address", fix: "write it as \"mary@chat.example\""
            )
            return nil
        }
        wait = section.duration(
            "wait", default: .seconds(5), in: .zero...(.seconds(60)),
            "The time that the client has to close the stream before the server does."
        )
        self.hosts = hosts.isEmpty ? nil : hosts.compactMap(normalDomain)
        self.accounts = accounts.isEmpty ? nil : Set(addresses)
        for domain in hosts where !domains.contains(normalDomain(domain) ?? domain) {
            section.fail(
                "hosts", item: domain, "\"\(domain)\" is not among the hosts", fix: "add it to \"hosts:\" at the top"
            )
        }
        if self.accounts != nil, stage != .afterSASL {
            section.fail("accounts", "before sign-in no account is known", fix: "set at to after-sasl")
        }
        guard let target else {
            if !section.isEmpty, !section.has("to") {
                section.fail("to", "the redirect leads nowhere", fix: "set to to a host, or delete the redirect")
            }
            return nil
        }
        self.target = target
    }
}

/// The target of a redirect.
public struct RedirectTarget: Hashable, Sendable, LosslessStringConvertible {
    /// The host's name or address, without brackets.
    public let host: String
    /// The port.
    public let port: Int

    /// The port of a target without one.
    public static let standardPort = 5222

    /// A host and a port.
    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host`, `host:port`, `[address]` or `[address]:port`.
    public init?(_ text: String) {
        let host: Substring
        var rest: Substring
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
            guard IPAddress(String(host))?.isIPv4 == false else { return nil }
        } else if text.count(where: { $0 == ":" }) > 1 {
            (host, rest) = (text[...], "")
            guard IPAddress(text) != nil else { return nil }
        } else {
            host = text.prefix { $0 != ":" }
            rest = text[host.endIndex...]
        }
        guard !host.isEmpty, host.allSatisfy({ $0.isLetter || $0.isNumber || ".-_:%".contains($0) }) else { return nil }
        self.host = String(host)
        if rest.isEmpty {
            port = Self.standardPort
        } else {
            rest.removeFirst()
            guard let port = UInt16(rest), port > 0, rest.first?.isNumber == true else { return nil }
            self.port = Int(port)
        }
    }

    /// The content of `see-other-host`: the host, and the port unless it is 5222.
    public var description: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == Self.standardPort ? name : "\(name):\(port)"
    }
}
