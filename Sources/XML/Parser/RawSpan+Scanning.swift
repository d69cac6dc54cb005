extension RawSpan {
    @inline(__always)
    func byte(_ offset: Int) -> UInt8 {
        unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// Whether there are `count` bytes at `offset`; written like the library's own check, so that the latter is
    /// optimised away.
    @inline(__always)
    func has(_ count: Int, at offset: Int) -> Bool {
        UInt(bitPattern: offset) <= UInt(bitPattern: byteCount) && count <= byteCount &- offset
    }

    /// Eight bytes, the first one in the lowest bits.
    @inline(__always)
    func word(_ offset: Int) -> UInt64 {
        UInt64(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Whether `length` bytes at `offset` equal those of `other` at `otherOffset`; both ranges must exist.
    @inline(__always)
    func equals(at offset: Int, _ other: RawSpan, at otherOffset: Int, length: Int) -> Bool {
        if length >= 8 {
            var index = 0
            while index &+ 8 <= length {
                if word(offset &+ index) != other.word(otherOffset &+ index) { return false }
                index &+= 8
            }
            // The last eight: some of them for the second time.
            return index == length || word(offset &+ length &- 8) == other.word(otherOffset &+ length &- 8)
        }
        // As two halves that overlap.
        if length >= 4 {
            return load(offset, as: UInt32.self) == other.load(otherOffset, as: UInt32.self)
                && load(offset &+ length &- 4, as: UInt32.self)
                    == other.load(otherOffset &+ length &- 4, as: UInt32.self)
        }
        if length >= 2 {
            return load(offset, as: UInt16.self) == other.load(otherOffset, as: UInt16.self)
                && load(offset &+ length &- 2, as: UInt16.self)
                    == other.load(otherOffset &+ length &- 2, as: UInt16.self)
        }
        return length == 0 || byte(offset) == other.byte(otherOffset)
    }

    @inline(__always)
    private func load<Integer: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: Integer.Type) -> Integer {
        unsafeLoadUnaligned(fromByteOffset: offset, as: type)
    }

    @inline(__always)
    func equals(at offset: Int, length: Int, _ text: StaticString) -> Bool {
        text.withUTF8Buffer { utf8 in
            utf8.count == length && equals(at: offset, UnsafeRawBufferPointer(utf8).bytes, at: 0, length: length)
        }
    }

    func equals(_ text: StaticString) -> Bool {
        equals(at: 0, length: byteCount, text)
    }

    /// A hash to look up namespace names; not keyed, so unsuitable for tables that a peer can fill.
    var quickHash: UInt64 {
        var hash = UInt64(truncatingIfNeeded: byteCount)
        var index = 0
        while has(8, at: index) {
            hash = Self.mix(hash ^ word(index))
            index &+= 8
        }
        var tail: UInt64 = 0
        while index < byteCount {
            tail = tail << 8 | UInt64(byte(index))
            index &+= 1
        }
        return Self.mix(hash ^ tail)
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let product = value &* 0x9E37_79B9_7F4A_7C15
        return product ^ (product >> 32)
    }

    @inline(__always)
    @_lifetime(copy self)
    func slice(_ offset: Int, _ length: Int) -> RawSpan {
        extracting(offset..<(offset &+ length))
    }

    func string(_ offset: Int, _ length: Int) -> String {
        slice(offset, length).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}

extension RawSpan {
    /// The next byte from `offset` on that needs attention in text: markup, control characters, non-ASCII. One of the
    /// last seven bytes may be returned without reason.
    @inline(__always)
    func endOfPlainText(_ offset: Int) -> Int {
        var index = offset
        while has(8, at: index) {
            let word = word(index)
            // `<` and `>` differ in one bit, set here.
            let special =
                EightBytes.roughlyUnprintable(word)
                | EightBytes.roughlyEqual(word | EightBytes.each(0x02), UInt8(ascii: ">"))
                | EightBytes.roughlyEqual(word, UInt8(ascii: "&"))
            if special & EightBytes.high != 0 { return index &+ EightBytes.first(special & EightBytes.high) }
            index &+= 8
        }
        return index
    }

    /// The same in CDATA, where only `]` is markup.
    @inline(__always)
    func endOfPlainCDATA(_ offset: Int) -> Int {
        var index = offset
        while has(8, at: index) {
            let word = word(index)
            let special = EightBytes.roughlyUnprintable(word) | EightBytes.roughlyEqual(word, UInt8(ascii: "]"))
            if special & EightBytes.high != 0 { return index &+ EightBytes.first(special & EightBytes.high) }
            index &+= 8
        }
        return index
    }

    /// The same in an attribute's value that ends at `quote`.
    @inline(__always)
    func endOfPlainValue(_ offset: Int, quote: UInt8) -> Int {
        var index = offset
        while has(8, at: index) {
            let word = word(index)
            let special =
                EightBytes.roughlyUnprintable(word) | EightBytes.roughlyEqual(word, quote)
                | EightBytes.roughlyEqual(word, UInt8(ascii: "<")) | EightBytes.roughlyEqual(word, UInt8(ascii: "&"))
            if special & EightBytes.high != 0 { return index &+ EightBytes.first(special & EightBytes.high) }
            index &+= 8
        }
        return index
    }

    func contains(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { utf8 in
            let text = UnsafeRawBufferPointer(utf8).bytes
            var index = 0
            while has(text.byteCount, at: index) {
                if equals(at: index, text, at: 0, length: text.byteCount) { return true }
                index &+= 1
            }
            return false
        }
    }

    func contains(_ byte: UInt8) -> Bool {
        var index = 0
        while has(8, at: index) {
            if EightBytes.equal(word(index), byte) != 0 { return true }
            index &+= 8
        }
        while has(1, at: index) {
            if self.byte(index) == byte { return true }
            index &+= 1
        }
        return false
    }

    /// The next byte at or after `offset` that may not be a letter of a name.
    @inline(__always)
    func endOfLetters(_ offset: Int) -> Int {
        var index = offset
        while has(8, at: index) {
            let others = EightBytes.notLowercase(word(index))
            if others != 0 { return index &+ EightBytes.first(others) }
            index &+= 8
        }
        return index
    }
}

/// Tests on eight bytes at once. The high bit is set in matching bytes; the *lowest* set bit is always right, others
/// may be set falsely by a borrow.
enum EightBytes {
    static let low: UInt64 = 0x0101_0101_0101_0101
    static let high: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    static func each(_ byte: UInt8) -> UInt64 {
        UInt64(byte) &* low
    }

    @inline(__always)
    static func zero(_ word: UInt64) -> UInt64 {
        (word &- low) & ~word & high
    }

    @inline(__always)
    static func equal(_ word: UInt64, _ byte: UInt8) -> UInt64 {
        zero(word ^ each(byte))
    }

    /// As `unprintable`, without clearing the other bits.
    @inline(__always)
    static func roughlyUnprintable(_ word: UInt64) -> UInt64 {
        (word &- each(0x20)) | word
    }

    /// As `equal`, without clearing the other bits, and true for some bytes that are not ASCII.
    @inline(__always)
    static func roughlyEqual(_ word: UInt64, _ byte: UInt8) -> UInt64 {
        (word ^ each(byte)) &- low
    }

    /// Control characters (below a blank) and bytes that are not ASCII.
    @inline(__always)
    static func unprintable(_ word: UInt64) -> UInt64 {
        ((word &- each(0x20)) & ~word | word) & high
    }

    /// Bytes not among `a` to `z`; right in every byte.
    @inline(__always)
    static func notLowercase(_ word: UInt64) -> UInt64 {
        let ascii = word & ~high
        let fromA = ascii &+ each(0x80 - 0x61)
        let afterZ = ascii &+ each(0x80 - 0x7B)
        return (~fromA | afterZ | word) & high
    }

    /// The index of the first byte that matches.
    @inline(__always)
    static func first(_ matches: UInt64) -> Int {
        matches.trailingZeroBitCount >> 3
    }
}
