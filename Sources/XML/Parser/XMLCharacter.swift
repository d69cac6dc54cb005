/// The character classes of XML 1.0 (fifth edition) and UTF-8 decoding.
enum XMLCharacter {
    /// A character and its number of bytes; 0 bytes: incomplete; fewer: invalid UTF-8.
    struct Decoded {
        var scalar: UInt32
        var length: Int

        static let incomplete = Decoded(scalar: 0, length: 0)
        static let invalid = Decoded(scalar: 0, length: -1)
    }

    /// Decodes the character at `offset`, whose first byte must be there.
    @inline(never)
    static func decode(_ span: RawSpan, at offset: Int) -> Decoded {
        let first = span.byte(offset)
        let length: Int
        let least: UInt32
        var scalar: UInt32
        switch first {
        case 0x00...0x7F: return Decoded(scalar: UInt32(first), length: 1)
        case 0xC2...0xDF: (length, least, scalar) = (2, 0x80, UInt32(first & 0x1F))
        case 0xE0...0xEF: (length, least, scalar) = (3, 0x800, UInt32(first & 0x0F))
        case 0xF0...0xF4: (length, least, scalar) = (4, 0x1_0000, UInt32(first & 0x07))
        default: return .invalid
        }
        for index in 1..<length {
            guard offset &+ index < span.byteCount else { return .incomplete }
            let next = span.byte(offset &+ index)
            guard next & 0xC0 == 0x80 else { return .invalid }
            scalar = scalar << 6 | UInt32(next & 0x3F)
        }
        guard scalar >= least, scalar <= 0x10_FFFF, scalar & 0xFFFF_F800 != 0xD800 else { return .invalid }
        return Decoded(scalar: scalar, length: length)
    }

    /// Production `Char`.
    static func isAllowed(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x9, 0xA, 0xD, 0x20...0xD7FF, 0xE000...0xFFFD, 0x1_0000...0x10_FFFF: true
        default: false
        }
    }

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    /// The usual characters after a name: `=`, `>`, a blank or `/`.
    @inline(__always)
    static func endsName(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "=") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "/")
    }

    /// ASCII letters and `_`.
    @inline(__always)
    static func isNameStart(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte == 0x5F
    }

    /// ASCII digits, `-` and `.`.
    @inline(__always)
    static func continuesName(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || byte == 0x2D || byte == 0x2E
    }

    /// Production `NameStartChar`, outside ASCII.
    static func isNameStart(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x2FF, 0x370...0x37D, 0x37F...0x1FFF, 0x200C...0x200D,
            0x2070...0x218F, 0x2C00...0x2FEF, 0x3001...0xD7FF, 0xF900...0xFDCF, 0xFDF0...0xFFFD, 0x1_0000...0xE_FFFF:
            true
        default: false
        }
    }

    /// Production `NameChar`, outside ASCII.
    static func isName(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0xB7, 0x300...0x36F, 0x203F...0x2040: true
        default: isNameStart(scalar)
        }
    }
}
