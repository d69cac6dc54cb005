import Foundation

/// Redirect addresses of apps, RFC 6749 §3.1.2 and RFC 8252 §7.
public enum RedirectAddress {
    /// Whether an app may register the address: absolute, without a fragment, and received by the app alone: https, a
    /// scheme with a dot in it, or http on this machine.
    public static func isAllowed(_ text: String) -> Bool {
        guard text.utf8.count <= 1000, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            !text.utf8.contains(where: { "#\"'<>\\;,".utf8.contains($0) }), let colon = text.firstIndex(of: ":")
        else { return false }
        let scheme = text[..<colon].lowercased()
        let isSchemeByte = { (byte: UInt8) in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "+-.".utf8.contains(byte)
        }
        guard scheme.utf8.allSatisfy(isSchemeByte), scheme.first?.isLetter == true else { return false }
        switch scheme {
        case "https": return authority(text) != nil
        case "http": return isLoopback(text)
        default: return scheme.contains(".")
        }
    }

    /// Whether `asked` matches a registered address: equal, or different only in the port of a loopback address.
    public static func matches(_ asked: String, _ registered: String) -> Bool {
        if asked == registered { return true }
        guard isLoopback(asked), isLoopback(registered), isAllowed(asked) else { return false }
        return withoutPort(asked) == withoutPort(registered)
    }

    /// Whether the address is on the person's own machine.
    public static func isLoopback(_ text: String) -> Bool {
        guard text.hasPrefix("http://"), let host = authority(text)?.host else { return false }
        return ["127.0.0.1", "[::1]", "localhost"].contains(host) || host.hasSuffix(".localhost")
    }

    /// The source that Content-Security-Policy must allow for it: an origin, or the scheme.
    public static func source(_ text: String) -> String {
        guard text.hasPrefix("https://") || text.hasPrefix("http://"), let authority = authority(text) else {
            return text.prefix { $0 != ":" } + ":"
        }
        let scheme = text.prefix { $0 != ":" }
        return "\(scheme)://\(authority.host)" + (authority.port.map { ":\($0)" } ?? "")
    }

    private static func authority(_ text: String) -> (host: String, port: Int?)? {
        guard let slashes = text.range(of: "://") else { return nil }
        return WebAddress.split(text[slashes.upperBound...].prefix { $0 != "/" && $0 != "?" })
    }

    private static func withoutPort(_ text: String) -> String? {
        guard let authority = authority(text), let slashes = text.range(of: "://") else { return nil }
        let path = text[slashes.upperBound...].drop { $0 != "/" && $0 != "?" }
        return authority.host + path
    }
}
