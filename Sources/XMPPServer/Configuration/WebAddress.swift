import XMPP

/// The address of a web site: scheme, host and port, as in `https://chat.example:5443`. Its text is an origin, RFC 6454.
public struct WebAddress: Hashable, Sendable, LosslessStringConvertible {
    /// True for `https`.
    public let usesTLS: Bool
    /// The name of the host in lower case, or its IP address; an IPv6 address in brackets.
    public let host: String
    /// The port; nil: that of the scheme.
    public let port: Int?

    /// The address with these parts. The scheme's default port is left out of its text.
    public init(usesTLS: Bool, host: String, port: Int?) {
        self.usesTLS = usesTLS
        self.host = host
        self.port = port == (usesTLS ? 443 : 80) ? nil : port
    }

    /// - Returns: nil if the text has another scheme, a path, or no valid host.
    public init?(_ text: String) {
        var rest = text[...]
        let usesTLS = text.hasPrefix("https://")
        guard usesTLS || text.hasPrefix("http://") else { return nil }
        rest = rest.dropFirst(usesTLS ? 8 : 7)
        if rest.last == "/" { rest = rest.dropLast() }
        guard let (host, port) = Self.split(rest) else { return nil }
        self.init(usesTLS: usesTLS, host: host, port: port)
    }

    /// The host and the port of an authority such as that in a request's `Host`; nil if it is not one.
    public static func split(_ authority: Substring) -> (host: String, port: Int?)? {
        var host = authority
        var port: Int?
        if let colon = authority.lastIndex(of: ":"), authority[colon...].firstIndex(of: "]") == nil {
            let digits = authority[authority.index(after: colon)...]
            guard let number = Int(digits), (1...65_535).contains(number), digits.allSatisfy(\.isASCII) else {
                return nil
            }
            port = number
            host = authority[..<colon]
        }
        let isAddress = host.first == "[" && host.last == "]" && IPAddress(String(host.dropFirst().dropLast())) != nil
        guard isAddress || JID(local: nil, domain: String(host), resource: nil) != nil else { return nil }
        return (host.lowercased(), port)
    }

    public var description: String {
        "\(usesTLS ? "https" : "http")://\(host)" + (port.map { ":\($0)" } ?? "")
    }
}
