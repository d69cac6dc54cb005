/// Escapes characters so that a parser restores them (XML 1.0, sections 2.4 and 3.3.3). Characters that XML does not
/// allow become U+FFFD.
enum Escaping {
    case text
    /// Between double quotation marks.
    case attribute

    /// The escaped length of a text, and whether it equals the text.
    struct Measure {
        var byteCount: Int
        var isPlain: Bool
    }

    /// Measures `bytes`, which must be valid UTF-8.
    @inline(__always)
    func measure(_ bytes: RawSpan) -> Measure {
        var index = 0
        while index &+ 8 <= bytes.byteCount {
            guard Self.special(bytes.word(index)) == 0 else { return measureSlowly(bytes) }
            index &+= 8
        }
        if bytes.byteCount >= 8 {
            // The last eight bytes: some of them for the second time.
            guard index == bytes.byteCount || Self.special(bytes.word(bytes.byteCount &- 8)) == 0 else {
                return measureSlowly(bytes)
            }
            return Measure(byteCount: bytes.byteCount, isPlain: true)
        }
        while index < bytes.byteCount {
            guard !Self.isSpecial(bytes.byte(index)) else { return measureSlowly(bytes) }
            index &+= 1
        }
        return Measure(byteCount: bytes.byteCount, isPlain: true)
    }

    /// Writes measured `bytes`.
    @inline(__always)
    func put(_ bytes: RawSpan, _ measure: Measure, into sink: inout ByteSink) {
        if measure.isPlain {
            sink.put(bytes)
        } else {
            putSlowly(bytes, into: &sink)
        }
    }

    /// Characters that may need escaping: markup, control characters, and non-ASCII.
    @inline(__always)
    private static func special(_ word: UInt64) -> UInt64 {
        EightBytes.unprintable(word) | EightBytes.equal(word | EightBytes.each(0x02), UInt8(ascii: ">"))
            | EightBytes.equal(word, UInt8(ascii: "&")) | EightBytes.equal(word, UInt8(ascii: "\""))
    }

    @inline(__always)
    private static func isSpecial(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte >= 0x80 || byte | 0x02 == UInt8(ascii: ">") || byte == UInt8(ascii: "&")
            || byte == UInt8(ascii: "\"")
    }

    /// The escaped form of the character at `index`, or nil if it is unchanged; and its number of bytes.
    @inline(__always)
    private func replacement(_ bytes: RawSpan, at index: Int) -> (text: StaticString, length: Int)? {
        switch bytes.byte(index) {
        case UInt8(ascii: "&"): ("&amp;", 1)
        case UInt8(ascii: "<"): ("&lt;", 1)
        case UInt8(ascii: ">"): ("&gt;", 1)
        case UInt8(ascii: "\""): self == .attribute ? ("&quot;", 1) : nil
        case 0x0D: ("&#xD;", 1)
        case 0x0A: self == .attribute ? ("&#xA;", 1) : nil
        case 0x09: self == .attribute ? ("&#x9;", 1) : nil
        case 0x00..<0x20: ("\u{FFFD}", 1)
        case 0xEF:
            index &+ 2 < bytes.byteCount && bytes.byte(index &+ 1) == 0xBF && bytes.byte(index &+ 2) >= 0xBE
                ? ("\u{FFFD}", 3) : nil
        default: nil
        }
    }

    @inline(never)
    private func measureSlowly(_ bytes: RawSpan) -> Measure {
        var measure = Measure(byteCount: 0, isPlain: true)
        var index = 0
        while index < bytes.byteCount {
            if let (text, count) = replacement(bytes, at: index) {
                measure.byteCount += text.utf8CodeUnitCount
                measure.isPlain = false
                index += count
            } else {
                measure.byteCount += 1
                index += 1
            }
        }
        return measure
    }

    @inline(never)
    private func putSlowly(_ bytes: RawSpan, into sink: inout ByteSink) {
        var start = 0
        var index = 0
        while index < bytes.byteCount {
            guard let (text, count) = replacement(bytes, at: index) else {
                index += 1
                continue
            }
            sink.put(bytes.extracting(start..<index))
            sink.put(text)
            index += count
            start = index
        }
        sink.put(bytes.extracting(start..<bytes.byteCount))
    }
}
