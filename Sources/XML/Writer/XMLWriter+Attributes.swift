import NIOCore

extension XMLWriter {
    /// Writes an attribute of the element just begun.
    public mutating func attribute(_ name: StaticString, _ value: String) {
        attribute(name, value.utf8.span.bytes)
    }

    /// Writes an attribute of the element just begun, unless there is no value.
    public mutating func attribute(_ name: StaticString, _ value: String?) {
        guard let value else { return }
        attribute(name, value)
    }

    /// Writes an attribute of the element just begun.
    public mutating func attribute(_ name: StaticString, _ value: StaticString) {
        guard isTagOpen else {
            assertionFailure("Attributes follow the start of an element")
            return
        }
        let measure = value.withUTF8Buffer { Escaping.attribute.measure(UnsafeRawBufferPointer($0).bytes) }
        output.append(name.utf8CodeUnitCount + measure.byteCount + 4) { sink in
            value.withUTF8Buffer { utf8 in
                sink.putAttribute(name, UnsafeRawBufferPointer(utf8).bytes, measure)
            }
        }
    }

    /// Writes an attribute of the element just begun.
    public mutating func attribute(_ name: StaticString, _ value: Int) {
        attribute(name, String(value))
    }

    /// Writes an attribute of the element just begun from valid UTF-8, such as
    /// ``Element/withAttributeBytes(_:_:)`` gives.
    public mutating func attribute(_ name: StaticString, _ utf8: RawSpan) {
        guard isTagOpen else {
            assertionFailure("Attributes follow the start of an element")
            return
        }
        let measure = Escaping.attribute.measure(utf8)
        output.append(name.utf8CodeUnitCount + measure.byteCount + 4) { $0.putAttribute(name, utf8, measure) }
    }

    /// Repeats the attribute `other` of an element, if it has one: for answers.
    ///
    /// - Returns: whether it has one.
    @discardableResult
    public mutating func attribute(_ name: StaticString, repeating other: StaticString, of element: Element) -> Bool {
        element.withAttributeBytes(other) { attribute(name, $0) } != nil
    }

    /// Writes `xml:lang`, unless there is no value.
    public mutating func lang(_ value: String?) {
        attribute("xml:lang", value)
    }
}

extension ByteSink {
    /// Writes a blank, the name, and the value in quotation marks: four bytes more than both have.
    @inline(__always)
    mutating func putAttribute(_ name: StaticString, _ value: RawSpan, _ measure: Escaping.Measure) {
        put(UInt8(ascii: " "))
        put(name)
        put("=\"")
        Escaping.attribute.put(value, measure, into: &self)
        put(UInt8(ascii: "\""))
    }

    /// Writes an attribute as received, in double quotation marks unless the value contains one.
    @inline(__always)
    mutating func putReceived(_ node: Node, of span: RawSpan) {
        let (nameStart, nameEnd) = (Int(node.nameOffset), Int(node.nameOffset) &+ Int(node.nameLength))
        let value = node.value
        put(UInt8(ascii: " "))
        if value.lowerBound == nameEnd &+ 2 {
            put(span.extracting(nameStart..<(value.upperBound &+ 1)))
        } else {
            // There was white space around the equals sign.
            put(span.extracting(nameStart..<nameEnd))
            put(UInt8(ascii: "="))
            put(span.extracting((value.lowerBound &- 1)..<(value.upperBound &+ 1)))
        }
        if span.byte(value.upperBound) != UInt8(ascii: "\""), !span.extracting(value).contains(UInt8(ascii: "\"")) {
            replace(1, by: UInt8(ascii: "\""))
            replace(value.count &+ 2, by: UInt8(ascii: "\""))
        }
    }
}
