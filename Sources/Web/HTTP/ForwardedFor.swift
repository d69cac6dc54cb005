import XMPPServer

/// The addresses in a proxy's `X-Forwarded-For` or, without it, `Forwarded` (RFC 7239 §4), the nearest proxy's last.
struct ForwardedFor {
    /// As written; parsed when needed.
    private let texts: [Substring]

    init(xForwardedFor: [String], forwarded: [String]) {
        texts =
            xForwardedFor.isEmpty
            ? forwarded.flatMap { Self.split($0[...], at: ",").map(Self.node) }
            : xForwardedFor.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
    }

    /// The client's address: the last one that none of our proxies has.
    func client(behind peer: IPAddress, _ proxies: [CIDRBlock]) -> IPAddress {
        var client = peer
        for text in texts.reversed() {
            guard proxies.contains(where: { $0.contains(client) }), let address = Self.address(text) else { break }
            client = address
        }
        return client
    }

    /// The value of `for` in an element of `Forwarded`.
    private static func node(_ element: Substring) -> Substring {
        for pair in split(element, at: ";") {
            let trimmed = trim(pair)
            guard trimmed.prefix(4).lowercased() == "for=" else { continue }
            return trimmed.dropFirst(4)
        }
        return ""
    }

    /// An address, possibly with a port, in quotes or brackets.
    private static func address(_ text: Substring) -> IPAddress? {
        var text = trim(text)
        if text.count >= 2, text.first == "\"", text.last == "\"" { text = text.dropFirst().dropLast() }
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            return IPAddress(String(text[text.index(after: text.startIndex)..<end]))
        }
        if text.count(where: { $0 == ":" }) == 1 { text = text.prefix { $0 != ":" } }
        return IPAddress(String(text))
    }

    private static func trim(_ text: Substring) -> Substring {
        let start = text.drop { $0 == " " || $0 == "\t" }
        guard let end = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
        return start[...end]
    }

    /// Splits a text at separators outside of quotes.
    private static func split(_ text: Substring, at separator: Character) -> [Substring] {
        var isQuoted = false
        return text.split(omittingEmptySubsequences: false) { character in
            if character == "\"" { isQuoted.toggle() }
            return !isQuoted && character == separator
        }
    }
}
