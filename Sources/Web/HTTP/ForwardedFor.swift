import XMPPServer

/// For whom proxies say that they ask, the nearest proxy's word last: `X-Forwarded-For`, or where there is none `Forwarded`
/// (RFC 7239 §4).
struct ForwardedFor {
    /// As they were written; whoever can read one as an address, does.
    private let texts: [Substring]

    init(xForwardedFor: [String], forwarded: [String]) {
        texts =
            xForwardedFor.isEmpty
            ? forwarded.flatMap { Self.split($0[...], at: ",").map(Self.node) }
            : xForwardedFor.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
    }

    /// The address that is counted: the last that a proxy of ours has not added itself.
    func client(behind peer: IPAddress, _ proxies: [CIDRBlock]) -> IPAddress {
        var client = peer
        for text in texts.reversed() {
            guard proxies.contains(where: { $0.contains(client) }), let address = Self.address(text) else { break }
            client = address
        }
        return client
    }

    /// What an element of `Forwarded` has under `for`.
    private static func node(_ element: Substring) -> Substring {
        for pair in split(element, at: ";") {
            let trimmed = trim(pair)
            guard trimmed.prefix(4).lowercased() == "for=" else { continue }
            return trimmed.dropFirst(4)
        }
        return ""
    }

    /// An address, perhaps with a port behind it, in quotes or brackets.
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

    /// Splits a text where the separator stands outside of quotes.
    private static func split(_ text: Substring, at separator: Character) -> [Substring] {
        var isQuoted = false
        return text.split(omittingEmptySubsequences: false) { character in
            if character == "\"" { isQuoted.toggle() }
            return !isQuoted && character == separator
        }
    }
}
