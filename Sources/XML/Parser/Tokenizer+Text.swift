extension Tokenizer {
    /// Text and end tags, up to another kind of token.
    /// - Returns: whether the sink stops at an end tag; nil if more bytes are needed.
    @inline(__always)
    mutating func content<Sink: TokenSink>(_ span: RawSpan, _ sink: inout Sink) throws(XMLFault) -> Bool? {
        while true {
            guard try scanText(span) else { return nil }
            if cursor > tokenStart {
                sink.text(tokenStart, length: cursor &- tokenStart, isEncoded: isEncoded, isCDATA: false)
                tokenStart = cursor
            }
            guard span.has(2, at: cursor) else { return nil }
            let byte = span.byte(cursor &+ 1)
            if byte == UInt8(ascii: "/") {
                if let end = endOfExpectedTag(sink.openName, in: span) {
                    cursor = end
                    beginContent()
                    if sink.endOpenElement(at: end) { return true }
                    continue
                }
                cursor &+= 2
                state = .endName
            } else if byte == UInt8(ascii: "!") {
                return try openCDATA(span, allowed: sink.isInsideElement) ? false : nil
            } else if byte == UInt8(ascii: "?") {
                throw XMLFault(.restrictedXML, "Processing instructions are not allowed", at: cursor)
            } else {
                cursor &+= 1
                state = .startName
            }
            tokenStart = cursor
            name.prefixLength = 0
            return false
        }
    }

    /// The end of the end tag at the cursor if it is the expected one, without white space, as usual.
    @inline(__always)
    private func endOfExpectedTag(_ expected: NameToken, in span: RawSpan) -> Int? {
        let start = cursor &+ 2
        let end = start &+ expected.length
        guard expected.length > 0, span.has(1, at: end), span.byte(end) == UInt8(ascii: ">"),
            span.equals(at: start, span, at: expected.offset, length: expected.length)
        else { return nil }
        return end &+ 1
    }

    @inline(never)
    private mutating func openCDATA(_ span: RawSpan, allowed: Bool) throws(XMLFault) -> Bool {
        guard allowed else {
            guard span.has(3, at: cursor) else { return false }
            guard span.byte(cursor &+ 2) == UInt8(ascii: "[") else {
                throw XMLFault(.restrictedXML, "Comments and document types are not allowed", at: cursor)
            }
            throw XMLFault(.notWellFormed, "Text outside of an element", at: cursor)
        }
        let opening: StaticString = "<![CDATA["
        let length = min(opening.utf8CodeUnitCount, span.byteCount &- cursor)
        let matches = opening.withUTF8Buffer { utf8 in
            span.equals(at: cursor, UnsafeRawBufferPointer(utf8).bytes, at: 0, length: length)
        }
        guard matches else {
            throw XMLFault(.restrictedXML, "Comments and document types are not allowed", at: cursor)
        }
        steps &+= length
        guard length == opening.utf8CodeUnitCount else { return false }
        cursor &+= length
        tokenStart = cursor
        isEncoded = false
        state = .cdata
        return true
    }

    /// Moves to the next `<`. Returns false if more bytes are needed.
    @inline(__always)
    private mutating func scanText(_ span: RawSpan) throws(XMLFault) -> Bool {
        if span.has(1, at: cursor), span.byte(cursor) == UInt8(ascii: "<") { return true }
        cursor = span.endOfPlainText(cursor)
        if span.has(1, at: cursor), span.byte(cursor) == UInt8(ascii: "<") { return true }
        return try scanAnyText(span)
    }

    @inline(never)
    private mutating func scanAnyText(_ span: RawSpan) throws(XMLFault) -> Bool {
        while span.has(1, at: cursor) {
            let byte = span.byte(cursor)
            switch byte {
            case UInt8(ascii: "<"):
                return true
            case UInt8(ascii: "&"):
                guard try skipReference(span) else { return false }
            case UInt8(ascii: ">"):
                guard
                    cursor &- tokenStart < 2 || span.byte(cursor &- 1) != UInt8(ascii: "]")
                        || span.byte(cursor &- 2) != UInt8(ascii: "]")
                else { throw XMLFault(.notWellFormed, "']]>' is not allowed in text", at: cursor) }
                cursor &+= 1
            case 0x80...:
                guard try skipNonASCII(span) else { return false }
            default:
                try checkControl(byte)
                if byte == 0x0D { isEncoded = true }
                cursor &+= 1
            }
            cursor = span.endOfPlainText(cursor)
        }
        return false
    }

    /// A CDATA section up to its end. Returns false if more bytes are needed.
    mutating func cdata<Sink: TokenSink>(_ span: RawSpan, _ sink: inout Sink) throws(XMLFault) -> Bool {
        let end = span.byteCount
        while cursor < end {
            cursor = span.endOfPlainCDATA(cursor)
            guard cursor < end else { return false }
            let byte = span.byte(cursor)
            switch byte {
            case UInt8(ascii: "]"):
                guard cursor &+ 1 < end else { return false }
                guard span.byte(cursor &+ 1) == UInt8(ascii: "]") else {
                    cursor &+= 1
                    continue
                }
                guard cursor &+ 2 < end else { return false }
                guard span.byte(cursor &+ 2) == UInt8(ascii: ">") else {
                    cursor &+= 1
                    continue
                }
                if cursor > tokenStart {
                    sink.text(tokenStart, length: cursor &- tokenStart, isEncoded: isEncoded, isCDATA: true)
                }
                cursor &+= 3
                beginContent()
                return true
            case 0x80...:
                guard try skipNonASCII(span) else { return false }
            default:
                try checkControl(byte)
                if byte == 0x0D { isEncoded = true }
                cursor &+= 1
            }
        }
        return false
    }

    /// Refuses control characters other than the tab and line ends.
    @inline(__always)
    mutating func checkControl(_ byte: UInt8) throws(XMLFault) {
        guard byte < 0x20 else { return }
        guard byte == 0x0A || byte == 0x09 || byte == 0x0D else {
            throw XMLFault(.notWellFormed, "Character that XML does not allow", at: cursor)
        }
        if byte != 0x09 { needsCounting = true }
    }

    /// Moves over the reference at the cursor, which is a `&`. Returns false if it is incomplete.
    @inline(never)
    mutating func skipReference(_ span: RawSpan) throws(XMLFault) -> Bool {
        isEncoded = true
        // No valid reference is longer, so a peer gains nothing by sending one in pieces.
        let window = span.slice(cursor, min(span.byteCount &- cursor, Reference.maximumLength))
        steps &+= window.byteCount
        do throws(XMLFault) {
            guard let reference = try Reference(window) else {
                guard window.byteCount < Reference.maximumLength else {
                    throw XMLFault(.notWellFormed, "Reference that is too long", at: 0)
                }
                return false
            }
            cursor &+= reference.length
            return true
        } catch {
            throw XMLFault(error.kind, error.reason, at: cursor &+ error.offset)
        }
    }
}
