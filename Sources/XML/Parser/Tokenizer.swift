/// Finds tags and text in bytes that may end anywhere, and checks all that needs no memory of other tags: syntax,
/// characters, references, UTF-8.
///
/// After it has run out of bytes it goes on where it stopped, inside a name or value too; what it has done depends
/// only on the bytes, never on how they were cut.
struct Tokenizer {
    enum State {
        case content, startName, attributes, attributeName, equals, quote, value, emptyTag, endName, endTag, cdata
    }

    var state = State.content
    /// The next byte to look at.
    var cursor = 0
    /// Where the text, name or value began that the cursor is in; between attributes, where the last one ended.
    var tokenStart = 0
    var name = NameToken()
    var quoteByte: UInt8 = 0
    /// The text or value holds references or line ends that must be decoded.
    var isEncoded = false
    /// Some character is a line end or takes more than one byte, so columns are not offsets.
    var needsCounting = false
    var maximumNameLength = 1024
    /// Bytes looked at, those seen twice counted twice.
    var steps = 0

    init() {}

    /// Starts over at the first byte of a span, outside of any tag.
    mutating func restart() {
        state = .content
        cursor = 0
        tokenStart = 0
        needsCounting = false
    }

    /// Goes through `span`, which must begin with all bytes of earlier runs since the restart.
    /// - Returns: true if the sink stopped it; the cursor is then after what ended. False: more bytes are needed.
    mutating func run<Sink: TokenSink>(_ span: RawSpan, into sink: inout Sink) throws(XMLFault) -> Bool {
        let begin = cursor
        defer { steps &+= cursor &- begin &+ 1 }
        while true {
            switch state {
            case .content:
                guard let stops = try content(span, &sink) else { return false }
                if stops { return true }
            case .cdata:
                guard try cdata(span, &sink) else { return false }
            case .startName, .attributes, .attributeName, .equals, .quote, .value:
                guard let stops = try startTag(span, &sink) else { return false }
                if stops { return true }
            case .emptyTag:
                guard span.has(1, at: cursor) else { return false }
                guard span.byte(cursor) == UInt8(ascii: ">") else {
                    throw XMLFault(.notWellFormed, "'>' expected after '/'", at: cursor)
                }
                cursor &+= 1
                beginContent()
                if try sink.startTagEnded(at: cursor, isEmpty: true, in: span).get() { return true }
            case .endName, .endTag:
                guard let stops = try endTag(span, &sink) else { return false }
                if stops { return true }
            }
        }
    }

    @inline(__always)
    mutating func beginContent() {
        state = .content
        tokenStart = cursor
        isEncoded = false
    }

    /// Moves over white space.
    @inline(__always)
    mutating func skipSpace(_ span: RawSpan) {
        guard span.has(1, at: cursor), span.byte(cursor) <= 0x20 else { return }
        if span.has(2, at: cursor), span.byte(cursor) == 0x20, span.byte(cursor &+ 1) > 0x20 {
            cursor &+= 1
        } else {
            skipAnySpace(span)
        }
    }

    @inline(never)
    private mutating func skipAnySpace(_ span: RawSpan) {
        while span.has(1, at: cursor) {
            let byte = span.byte(cursor)
            guard XMLCharacter.isSpace(byte) else { return }
            if byte == 0x0A || byte == 0x0D { needsCounting = true }
            cursor &+= 1
        }
    }

    /// Moves over characters outside ASCII. Returns false if the bytes end within one.
    @inline(never)
    mutating func skipNonASCII(_ span: RawSpan) throws(XMLFault) -> Bool {
        needsCounting = true
        repeat {
            let byte = span.byte(cursor)
            if byte < 0x80 { return true }
            if byte &- 0xC2 < 0x1E, span.has(2, at: cursor), span.byte(cursor &+ 1) & 0xC0 == 0x80 {
                cursor &+= 2
                continue
            }
            let decoded = XMLCharacter.decode(span, at: cursor)
            if decoded.length == 0 { return false }
            guard decoded.length > 0 else {
                throw XMLFault(.unsupportedEncoding, "Invalid character in the given encoding", at: cursor)
            }
            guard XMLCharacter.isAllowed(decoded.scalar) else {
                throw XMLFault(.notWellFormed, "Character that XML does not allow", at: cursor)
            }
            cursor &+= decoded.length
        } while span.has(1, at: cursor)
        return true
    }
}
