extension Tokenizer {
    /// Continues in a start tag.
    /// - Returns: whether the sink stops at its end; nil if more bytes are needed.
    @inline(__always)
    mutating func startTag<Sink: TokenSink>(_ span: RawSpan, _ sink: inout Sink) throws(XMLFault) -> Bool? {
        if state == .startName {
            guard try scanName(span) else { return nil }
            if let fault = sink.startTag(name, in: span) { throw fault }
            tokenStart = cursor
            state = .attributes
        }
        while true {
            switch state {
            case .attributes:
                try plainAttributes(span, &sink)
                skipSpace(span)
                guard span.has(1, at: cursor) else { return nil }
                let byte = span.byte(cursor)
                if byte == UInt8(ascii: ">") {
                    cursor &+= 1
                    beginContent()
                    return try sink.startTagEnded(at: cursor, isEmpty: false, in: span).get()
                }
                if byte == UInt8(ascii: "/") {
                    cursor &+= 1
                    state = .emptyTag
                    return false
                }
                guard cursor > tokenStart else {
                    throw XMLFault(.notWellFormed, "White space expected in a tag", at: cursor)
                }
                tokenStart = cursor
                name.prefixLength = 0
                state = .attributeName
                fallthrough
            case .attributeName:
                guard try scanName(span) else { return nil }
                state = .equals
                fallthrough
            case .equals:
                skipSpace(span)
                guard span.has(1, at: cursor) else { return nil }
                guard span.byte(cursor) == UInt8(ascii: "=") else {
                    throw XMLFault(.notWellFormed, "'=' expected after an attribute's name", at: cursor)
                }
                cursor &+= 1
                state = .quote
                fallthrough
            case .quote:
                skipSpace(span)
                guard span.has(1, at: cursor) else { return nil }
                quoteByte = span.byte(cursor)
                guard quoteByte == UInt8(ascii: "\"") || quoteByte == UInt8(ascii: "'") else {
                    throw XMLFault(.notWellFormed, "Quotation mark expected before an attribute's value", at: cursor)
                }
                cursor &+= 1
                tokenStart = cursor
                isEncoded = false
                state = .value
                fallthrough
            default:
                guard try scanValue(span) else { return nil }
                let fault = sink.attribute(
                    name, value: tokenStart, length: cursor &- tokenStart, isEncoded: isEncoded, in: span)
                if let fault { throw fault }
                cursor &+= 1
                tokenStart = cursor
                state = .attributes
            }
        }
    }

    /// Moves over attributes in the usual form: one blank before, ASCII letters in the name, no white space around the
    /// equals sign, nothing to decode. This is the hottest code, so it works in registers. Where it stops the general
    /// code continues, so that no byte is examined more than twice.
    @inline(__always)
    private mutating func plainAttributes<Sink: TokenSink>(_ span: RawSpan, _ sink: inout Sink) throws(XMLFault) {
        var next = cursor
        while span.has(1, at: next), span.byte(next) == UInt8(ascii: " ") {
            var name = NameToken(offset: next &+ 1)
            var end = span.endOfLetters(name.offset)
            if end > name.offset, span.has(1, at: end), span.byte(end) == UInt8(ascii: ":") {
                name.prefixLength = end &- name.offset
                end = span.endOfLetters(end &+ 1)
            }
            name.length = end &- name.offset
            guard name.localLength > 0, name.length <= maximumNameLength, span.has(2, at: end),
                span.byte(end) == UInt8(ascii: "=")
            else { break }
            let quote = span.byte(end &+ 1)
            guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { break }
            let value = end &+ 2
            let valueEnd = span.endOfPlainValue(value, quote: quote)
            guard span.has(1, at: valueEnd), span.byte(valueEnd) == quote else { break }
            let fault = sink.attribute(name, value: value, length: valueEnd &- value, isEncoded: false, in: span)
            if let fault { throw fault }
            next = valueEnd &+ 1
        }
        guard next > cursor else { return }
        cursor = next
        tokenStart = next
    }

    /// Continues in an end tag; the result is that of ``startTag(_:_:)``.
    @inline(__always)
    mutating func endTag<Sink: TokenSink>(_ span: RawSpan, _ sink: inout Sink) throws(XMLFault) -> Bool? {
        if state == .endName {
            guard try scanName(span) else { return nil }
            state = .endTag
        }
        skipSpace(span)
        guard span.has(1, at: cursor) else { return nil }
        guard span.byte(cursor) == UInt8(ascii: ">") else {
            throw XMLFault(.notWellFormed, "'>' expected at the end of an end tag", at: cursor)
        }
        cursor &+= 1
        beginContent()
        return try sink.endTag(name, at: cursor, in: span).get()
    }

    /// Moves to the end of a name that began at `tokenStart`, into `name`. Returns false if more bytes are needed.
    @inline(__always)
    private mutating func scanName(_ span: RawSpan) throws(XMLFault) -> Bool {
        let end = span.endOfLetters(cursor)
        guard span.has(1, at: end), end &- tokenStart &- 1 < maximumNameLength, end > tokenStart,
            XMLCharacter.endsName(span.byte(end)), name.prefixLength == 0
        else { return try scanAnyName(span) }
        cursor = end
        name.offset = tokenStart
        name.length = end &- tokenStart
        return true
    }

    @inline(never)
    private mutating func scanAnyName(_ span: RawSpan) throws(XMLFault) -> Bool {
        cursor = span.endOfLetters(cursor)
        let limit = tokenStart &+ maximumNameLength
        while span.has(1, at: cursor), cursor <= limit {
            let byte = span.byte(cursor)
            if XMLCharacter.isNameStart(byte) {
                cursor &+= 1
            } else if byte >= 0x80 || byte == UInt8(ascii: ":") || XMLCharacter.continuesName(byte) {
                guard try scanRareNameCharacter(span, byte) else { return false }
            } else {
                break
            }
        }
        guard cursor <= limit else { throw XMLFault(.limitExceeded(.names), "Name that is too long", at: limit) }
        guard span.has(1, at: cursor) else { return false }
        guard cursor > localStart else { throw XMLFault(.notWellFormed, "Name expected", at: cursor) }
        name.offset = tokenStart
        name.length = cursor &- tokenStart
        return true
    }

    /// Where the part after the prefix begins.
    @inline(__always)
    private var localStart: Int {
        name.prefixLength == 0 ? tokenStart : tokenStart &+ name.prefixLength &+ 1
    }

    private mutating func scanRareNameCharacter(_ span: RawSpan, _ byte: UInt8) throws(XMLFault) -> Bool {
        let isFirst = cursor == localStart
        if byte == UInt8(ascii: ":") {
            guard !isFirst, name.prefixLength == 0 else {
                throw XMLFault(.notWellFormed, "Misplaced colon in a name", at: cursor)
            }
            name.prefixLength = cursor &- tokenStart
            cursor &+= 1
            return true
        }
        if byte < 0x80 {
            guard !isFirst else {
                throw XMLFault(.notWellFormed, "Character that cannot begin a name", at: cursor)
            }
            cursor &+= 1
            return true
        }
        needsCounting = true
        let decoded = XMLCharacter.decode(span, at: cursor)
        if decoded.length == 0 { return false }
        guard decoded.length > 0 else {
            throw XMLFault(.unsupportedEncoding, "Invalid character in the given encoding", at: cursor)
        }
        guard isFirst ? XMLCharacter.isNameStart(decoded.scalar) : XMLCharacter.isName(decoded.scalar) else {
            throw XMLFault(.notWellFormed, "Character that is not allowed in a name", at: cursor)
        }
        cursor &+= decoded.length
        return true
    }

    /// Moves to the closing quotation mark. Returns false if more bytes are needed.
    @inline(__always)
    private mutating func scanValue(_ span: RawSpan) throws(XMLFault) -> Bool {
        cursor = span.endOfPlainValue(cursor, quote: quoteByte)
        if span.has(1, at: cursor), span.byte(cursor) == quoteByte { return true }
        return try scanAnyValue(span)
    }

    @inline(never)
    private mutating func scanAnyValue(_ span: RawSpan) throws(XMLFault) -> Bool {
        while span.has(1, at: cursor) {
            let byte = span.byte(cursor)
            if byte == quoteByte { return true }
            switch byte {
            case UInt8(ascii: "<"):
                throw XMLFault(.notWellFormed, "'<' is not allowed in an attribute's value", at: cursor)
            case UInt8(ascii: "&"):
                guard try skipReference(span) else { return false }
            case 0x80...:
                guard try skipNonASCII(span) else { return false }
            default:
                try checkControl(byte)
                if byte < 0x20 { isEncoded = true }
                cursor &+= 1
            }
            cursor = span.endOfPlainValue(cursor, quote: quoteByte)
        }
        return false
    }
}
