/// Finds tags and text in bytes that may end anywhere, and checks everything that is local: syntax, characters,
/// references, UTF-8.
///
/// When it runs out of bytes it continues later where it stopped, even within a name or value; the result does not
/// depend on how the bytes were split.
struct Tokenizer {
    enum State {
        case content, startName, attributes, attributeName, equals, quote, value, emptyTag, endName, endTag, cdata
    }

    var state = State.content
    /// The next byte to examine.
    var cursor = 0
    /// The beginning of the current text, name or value; between attributes, the end of the last one.
    var tokenStart = 0
    var name = NameToken()
    var quoteByte: UInt8 = 0
    /// Whether the text or value has references or line ends to decode.
    var isEncoded = false
    /// Whether some character is a line end or takes several bytes, so that columns are not offsets.
    var needsCounting = false
    var maximumNameLength = 1024
    /// The number of examined bytes; those examined twice count twice.
    var steps = 0

    init() {}

    /// Starts over at the first byte of a span, outside of any tag.
    mutating func restart() {
        state = .content
        cursor = 0
        tokenStart = 0
        needsCounting = false
    }

    /// Processes `span`, which must begin with all bytes of earlier runs since the restart.
    /// - Returns: true if the sink stopped it; the cursor is then after the token. False: more bytes are needed.
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
