/// An IPv4 or IPv6 address. An IPv4 address that is mapped into IPv6 (`::ffff:192.0.2.1`), as a socket that serves
/// both reports it, equals the plain one.
public struct IPAddress: Hashable, Sendable, LosslessStringConvertible {
    /// The address in network order: 32 bits for IPv4, 128 for IPv6.
    let bits: UInt128
    /// True for IPv4.
    public let isIPv4: Bool

    init(bits: UInt128, isIPv4: Bool) {
        self.bits = bits
        self.isIPv4 = isIPv4
    }

    /// Reads the usual notations; an IPv6 zone (`%eth0`) is ignored.
    public init?(_ text: String) {
        if let bits = Self.parseIPv4(text[...]) {
            self.init(bits: UInt128(bits), isIPv4: true)
            return
        }
        guard text.contains(":"), let bits = Self.parseIPv6(text.prefix { $0 != "%" }) else { return nil }
        if bits >> 32 == 0xffff {
            self.init(bits: bits & 0xffff_ffff, isIPv4: true)
        } else {
            self.init(bits: bits, isIPv4: false)
        }
    }

    /// `::`.
    public static var anyIPv6: IPAddress { IPAddress(bits: 0, isIPv4: false) }

    /// True for `0.0.0.0` and `::`, which stand for all addresses of the machine.
    public var isUnspecified: Bool { bits == 0 }

    /// True for `127.0.0.0/8` and `::1`.
    public var isLoopback: Bool { isIPv4 ? bits >> 24 == 127 : bits == 1 }

    var width: Int { isIPv4 ? 32 : 128 }

    /// The block that counts as one client: a single IPv4 address, or the /64 of an IPv6 address, as one customer has
    /// at least that.
    public var client: CIDRBlock {
        CIDRBlock(self, prefixLength: isIPv4 ? 32 : 64)
    }

    /// The dotted form, or the shortest IPv6 form of RFC 5952.
    public var description: String {
        if isIPv4 {
            return (0..<4).map { String((bits >> ((3 - $0) * 8)) & 0xff) }.joined(separator: ".")
        }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> ((7 - $0) * 16)) }
        let words = groups.map { String($0, radix: 16) }
        guard let zeros = longestZeros(groups) else { return words.joined(separator: ":") }
        return words[..<zeros.lowerBound].joined(separator: ":") + "::"
            + words[zeros.upperBound...].joined(separator: ":")
    }

    private func longestZeros(_ groups: [UInt16]) -> Range<Int>? {
        var longest = 0..<0
        var start = 0
        for (index, group) in groups.enumerated() {
            if group != 0 {
                start = index + 1
            } else if index + 1 - start > longest.count {
                longest = start..<(index + 1)
            }
        }
        return longest.count > 1 ? longest : nil
    }
}

extension IPAddress {
    private static func parseIPv4(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard part.count <= 3, part.allSatisfy({ ("0"..."9").contains($0) }), let byte = UInt8(part) else {
                return nil
            }
            guard part.count == 1 || part.first != "0" else { return nil }
            bits = bits << 8 | UInt32(byte)
        }
        return bits
    }

    private static func parseIPv6(_ text: Substring) -> UInt128? {
        let halves = splitAtDoubleColon(text)
        guard let tailText = halves.tail else {
            guard let all = groups(halves.head, mayEndDotted: true), all.count == 8 else { return nil }
            return join(all)
        }
        guard let head = groups(halves.head, mayEndDotted: false), let tail = groups(tailText, mayEndDotted: true),
            head.count + tail.count < 8
        else { return nil }
        return join(head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail)
    }

    private static func splitAtDoubleColon(_ text: Substring) -> (head: Substring, tail: Substring?) {
        var index = text.startIndex
        while let colon = text[index...].firstIndex(of: ":") {
            let next = text.index(after: colon)
            if next < text.endIndex, text[next] == ":" {
                return (text[..<colon], text[text.index(after: next)...])
            }
            index = next
        }
        return (text, nil)
    }

    /// The 16-bit groups of a part without `::`; the end of the address may be a dotted IPv4 address.
    private static func groups(_ text: Substring, mayEndDotted: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if mayEndDotted, index == parts.count - 1, let dotted = parseIPv4(part) {
                groups += [UInt16(truncatingIfNeeded: dotted >> 16), UInt16(truncatingIfNeeded: dotted)]
            } else if (1...4).contains(part.count), part.allSatisfy(\.isHexDigit), let group = UInt16(part, radix: 16) {
                groups.append(group)
            } else {
                return nil
            }
        }
        return groups
    }

    private static func join(_ groups: [UInt16]) -> UInt128 {
        groups.reduce(0) { $0 << 16 | UInt128($1) }
    }
}
