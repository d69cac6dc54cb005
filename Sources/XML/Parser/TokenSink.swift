/// A name as it stands in the bytes: where it starts, its length, and the length of its prefix (0: none).
struct NameToken {
    var offset = 0
    var length = 0
    var prefixLength = 0

    @inline(__always) var localOffset: Int { prefixLength == 0 ? offset : offset &+ prefixLength &+ 1 }
    @inline(__always) var localLength: Int { prefixLength == 0 ? length : length &- prefixLength &- 1 }
}

/// Takes the tokens of a ``Tokenizer``. Offsets count from the start of the passed span.
///
/// Errors are returned, not thrown: the compiler calls a requirement that throws a concrete type through its witness
/// table even where it knows the type, and these calls are the hottest ones.
protocol TokenSink {
    /// Whether an element is open, so that text may follow.
    var isInsideElement: Bool { get }
    /// The name that the next end tag should have; length 0 if there should be none.
    var openName: NameToken { get }
    /// `<name`
    mutating func startTag(_ name: NameToken, in span: RawSpan) -> XMLFault?
    /// `name="value"`, namespace declarations included. `isEncoded`: the value must still be decoded.
    mutating func attribute(
        _ name: NameToken, value: Int, length: Int, isEncoded: Bool, in span: RawSpan
    ) -> XMLFault?
    /// The start tag ended before `end`. Returns true to stop the tokenizer there.
    mutating func startTagEnded(at end: Int, isEmpty: Bool, in span: RawSpan) -> Result<Bool, XMLFault>
    /// An end tag with the open name, which ended before `end`. Returns true to stop the tokenizer there.
    mutating func endOpenElement(at end: Int) -> Bool
    /// `</name>` with whatever name, which ended before `end`. Returns true to stop the tokenizer there.
    mutating func endTag(_ name: NameToken, at end: Int, in span: RawSpan) -> Result<Bool, XMLFault>
    /// Text without markup, not empty. `isEncoded`: it must still be decoded.
    mutating func text(_ offset: Int, length: Int, isEncoded: Bool, isCDATA: Bool)
}
