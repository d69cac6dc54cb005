/// A character reference, or one of the five predefined entities.
struct Reference {
    /// The maximum length in bytes: room for every character and some leading zeros.
    static let maximumLength = 24

    let scalar: UInt32
    /// Its bytes, from `&` to `;`.
    let length: Int

    /// Reads the reference at the beginning of `span`; nil if its end is missing.
    init?(_ span: RawSpan) throws(XMLFault) {
        guard span.byteCount > 1 else { return nil }
        let value = span.byte(1) == UInt8(ascii: "#") ? try Self.character(span) : try Self.entity(span)
        guard let value else { return nil }
        (scalar, length) = value
    }

    private static func character(_ span: RawSpan) throws(XMLFault) -> (UInt32, Int)? {
        guard span.byteCount > 2 else { return nil }
        let isHexadecimal = span.byte(2) == UInt8(ascii: "x")
        let start = isHexadecimal ? 3 : 2
        var index = start
        var scalar: UInt32 = 0
        while index < span.byteCount {
            let byte = span.byte(index)
            if byte == UInt8(ascii: ";") {
                guard index > start, XMLCharacter.isAllowed(scalar) else {
                    throw XMLFault(.notWellFormed, "Reference to a character that XML does not allow", at: 0)
                }
                return (scalar, index + 1)
            }
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46 where isHexadecimal: digit = byte - 0x37
            case 0x61...0x66 where isHexadecimal: digit = byte - 0x57
            default: throw XMLFault(.notWellFormed, "Malformed character reference", at: index)
            }
            // Clamped above the last character, far from overflow.
            scalar = min(scalar * (isHexadecimal ? 16 : 10) + UInt32(digit), 0x11_0000)
            index += 1
        }
        return nil
    }

    private static func entity(_ span: RawSpan) throws(XMLFault) -> (UInt32, Int)? {
        var index = 1
        while index < span.byteCount {
            let byte = span.byte(index)
            if byte == UInt8(ascii: ";"), index > 1 { break }
            let isName = XMLCharacter.isNameStart(byte) || byte >= 0x80 || byte == UInt8(ascii: ":")
            guard isName || index > 1 && XMLCharacter.continuesName(byte) else {
                throw XMLFault(.notWellFormed, "Malformed reference", at: index)
            }
            index += 1
        }
        guard index < span.byteCount else { return nil }
        let name = span.slice(1, index - 1)
        let scalar: UInt32
        if name.equals("amp") {
            scalar = 0x26
        } else if name.equals("lt") {
            scalar = 0x3C
        } else if name.equals("gt") {
            scalar = 0x3E
        } else if name.equals("quot") {
            scalar = 0x22
        } else if name.equals("apos") {
            scalar = 0x27
        } else {
            throw XMLFault(.restrictedXML, "Entities other than the predefined five are not allowed", at: 0)
        }
        return (scalar, index + 1)
    }
}
