/// Base64 with padding (RFC 4648, section 4).
public enum Base64 {
    public static func encode(_ bytes: [UInt8]) -> String {
        let count = (bytes.count + 2) / 3 * 4
        return String(unsafeUninitializedCapacity: count) { buffer in
            var place = 0
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let length = min(3, bytes.count - start)
                var group = UInt32(bytes[start]) << 16
                if length > 1 { group |= UInt32(bytes[start + 1]) << 8 }
                if length > 2 { group |= UInt32(bytes[start + 2]) }
                for digit in 0..<4 {
                    buffer[place] = digit <= length ? character(group >> UInt32(18 - 6 * digit) & 63) : padding
                    place += 1
                }
            }
            return place
        }
    }

    /// - Returns: nil unless the text is just what `encode` writes: no white space, all padding, no bits left over.
    public static func decode(_ text: String) -> [UInt8]? {
        var text = text
        return text.withUTF8 { decode(bytes: $0) }
    }

    /// `decode(_:)` for text in ASCII bytes.
    public static func decode(_ text: [UInt8]) -> [UInt8]? {
        text.withUnsafeBufferPointer { decode(bytes: $0) }
    }

    private static let padding = UInt8(ascii: "=")

    private static func decode(bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard bytes.count % 4 == 0 else { return nil }
        let digits = bytes.count - (bytes.suffix(2).reversed().prefix { $0 == padding }.count)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count / 4 * 3)
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        for index in 0..<digits {
            guard let value = value(of: bytes[index]) else { return nil }
            bits = bits << 6 | value
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> bitCount))
            }
        }
        return bits & (1 << bitCount - 1) == 0 ? result : nil
    }

    private static func character(_ value: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: value)
        return switch value {
        case ..<26: value + UInt8(ascii: "A")
        case ..<52: value - 26 + UInt8(ascii: "a")
        case ..<62: value - 52 + UInt8(ascii: "0")
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a") + 26)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0") + 52)
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
