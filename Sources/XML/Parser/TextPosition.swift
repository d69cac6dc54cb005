/// A position in a text as people count it: in characters, with CR LF as one line end.
struct TextPosition {
    private(set) var line = 1
    private(set) var position = 1
    private var followsReturn = false

    init() {}

    /// Moves over `span`. `isPlain`: it has only ASCII characters without line ends.
    @inline(__always)
    mutating func advance(over span: RawSpan, isPlain: Bool) {
        if isPlain {
            position &+= span.byteCount
            followsReturn = false
        } else {
            count(span)
        }
    }

    @inline(never)
    private mutating func count(_ span: RawSpan) {
        var index = 0
        while index < span.byteCount {
            if index &+ 8 <= span.byteCount, !followsReturn {
                let word = span.word(index)
                if EightBytes.equal(word, 0x0A) | EightBytes.equal(word, 0x0D) == 0 {
                    let continuations = word >> 7 & ~(word >> 6) & EightBytes.low
                    position &+= 8 &- continuations.nonzeroBitCount
                    index &+= 8
                    continue
                }
            }
            let byte = span.byte(index)
            index &+= 1
            if byte == 0x0D || byte == 0x0A && !followsReturn {
                line &+= 1
                position = 1
            } else if byte != 0x0A, byte & 0xC0 != 0x80 {
                position &+= 1
            }
            followsReturn = byte == 0x0D
        }
    }
}
