/// `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`, allowed at the very start of a stream only.
struct XMLDeclaration {
    /// The maximum length in bytes.
    static let maximumLength = 256

    /// Whether `span` begins like a declaration, as far as it goes.
    static func mayBegin(_ span: RawSpan) -> Bool {
        let opening: StaticString = "<?xml"
        let length = min(opening.utf8CodeUnitCount, span.byteCount)
        guard length == span.byteCount || XMLCharacter.isSpace(span.byte(length)) else { return false }
        return opening.withUTF8Buffer { utf8 in
            span.equals(at: 0, UnsafeRawBufferPointer(utf8).bytes, at: 0, length: length)
        }
    }

    /// Checks a whole declaration, from `<?xml` to `?>`.
    static func check(_ span: RawSpan) throws(XMLFault) {
        var reader = Reader(cursor: 5)
        guard reader.space(span), reader.word("version", span), let version = reader.value(span),
            isVersion(span.extracting(version))
        else { throw reader.fault }
        var hasSpace = reader.space(span)
        if hasSpace, reader.word("encoding", span) {
            guard let encoding = reader.value(span), !encoding.isEmpty else { throw reader.fault }
            guard isUTF8(span.extracting(encoding)) else {
                throw XMLFault(.unsupportedEncoding, "Encoding other than UTF-8", at: encoding.lowerBound)
            }
            hasSpace = reader.space(span)
        }
        if hasSpace, reader.word("standalone", span) {
            guard let standalone = reader.value(span) else { throw reader.fault }
            let answer = span.extracting(standalone)
            guard answer.equals("yes") || answer.equals("no") else { throw reader.fault }
            _ = reader.space(span)
        }
        guard reader.cursor == span.byteCount - 2 else { throw reader.fault }
    }

    private static func isVersion(_ span: RawSpan) -> Bool {
        guard span.byteCount > 2, span.byte(0) == UInt8(ascii: "1"), span.byte(1) == UInt8(ascii: ".") else {
            return false
        }
        return (2..<span.byteCount).allSatisfy { span.byte($0) &- 0x30 < 10 }
    }

    private static func isUTF8(_ span: RawSpan) -> Bool {
        let name: StaticString = "UTF-8"
        return name.withUTF8Buffer { name in
            span.byteCount == name.count
                && name.indices.allSatisfy { index in
                    let byte = span.byte(index)
                    let isLowercase = byte &- 0x61 < 26
                    return (isLowercase ? byte &- 0x20 : byte) == name[index]
                }
        }
    }

    private struct Reader {
        var cursor: Int

        var fault: XMLFault { XMLFault(.notWellFormed, "Malformed XML declaration", at: cursor) }

        mutating func space(_ span: RawSpan) -> Bool {
            let start = cursor
            while cursor < span.byteCount, XMLCharacter.isSpace(span.byte(cursor)) { cursor += 1 }
            return cursor > start
        }

        mutating func word(_ word: StaticString, _ span: RawSpan) -> Bool {
            let length = word.utf8CodeUnitCount
            guard cursor + length <= span.byteCount, span.equals(at: cursor, length: length, word) else { return false }
            cursor += length
            return true
        }

        /// `= "…"`: the range between the quotation marks.
        mutating func value(_ span: RawSpan) -> Range<Int>? {
            _ = space(span)
            guard word("=", span) else { return nil }
            _ = space(span)
            guard cursor < span.byteCount else { return nil }
            let quote = span.byte(cursor)
            guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { return nil }
            cursor += 1
            let start = cursor
            while cursor < span.byteCount, span.byte(cursor) != quote { cursor += 1 }
            guard cursor < span.byteCount else { return nil }
            cursor += 1
            return start..<(cursor - 1)
        }
    }
}
