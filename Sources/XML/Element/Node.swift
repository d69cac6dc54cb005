/// An entry of a tape: plain data, 24 bytes. Offsets count from the first byte of the document.
///
/// An element is followed by its attributes and declarations in the order received, then by its content.
struct Node {
    enum Kind: UInt8 {
        case element, attribute, declaration, text, cdata
    }

    struct Flags: OptionSet {
        var rawValue: UInt8
        /// The value or text has references or line ends that must be decoded.
        static let encoded = Flags(rawValue: 1)
        /// The element was written `<name/>`.
        static let emptyTag = Flags(rawValue: 2)
        /// The element has declarations of its own.
        static let declares = Flags(rawValue: 4)
        /// The element declares the default namespace.
        static let declaresDefault = Flags(rawValue: 8)
        /// A prefix in the element is declared outside of it.
        static let usesOuterPrefix = Flags(rawValue: 16)
        /// A name in the element is in the default namespace that was in force around it.
        static let usesOuterDefault = Flags(rawValue: 32)
    }

    // The fields are packed in three words: nodes are written by field and copied whole, and processors are slow at
    // reading a word that was just written in parts.
    private var first: UInt64
    private var second: UInt64 = 0
    private var third: UInt64 = 0

    @inline(__always)
    init(_ kind: Kind, _ name: NameToken) {
        first = UInt64(kind.rawValue) | UInt64(truncatingIfNeeded: name.offset) << 32
        second =
            UInt64(truncatingIfNeeded: name.length & 0xFFFF)
            | UInt64(truncatingIfNeeded: name.prefixLength & 0xFFFF) << 16
    }

    @inline(__always)
    init(_ kind: Kind, value: Int, length: Int) {
        first = UInt64(kind.rawValue)
        setValue(value, length)
    }

    @inline(__always)
    mutating func setValue(_ offset: Int, _ length: Int) {
        valueOffset = UInt32(truncatingIfNeeded: offset)
        valueLength = UInt32(truncatingIfNeeded: length)
    }

    /// Moves the node towards the beginning when preceding data are dropped.
    mutating func move(bytes: Int, nodes: Int) {
        valueOffset &-= UInt32(truncatingIfNeeded: bytes)
        guard kind == .element || kind == .attribute || kind == .declaration else { return }
        Self.replace(&first, UInt64(nameOffset &- UInt32(truncatingIfNeeded: bytes)), 32, at: 32)
        if kind == .element { end &-= UInt32(truncatingIfNeeded: nodes) }
    }

    @inline(__always)
    private static func replace(_ word: inout UInt64, _ value: UInt64, _ width: UInt64, at shift: UInt64) {
        let mask = ((UInt64(1) &<< width) &- 1) &<< shift
        word = word & ~mask | value &<< shift
    }

    @inline(__always) var kind: Kind {
        get { Kind(rawValue: UInt8(truncatingIfNeeded: first)) ?? .text }
        set { Self.replace(&first, UInt64(newValue.rawValue), 8, at: 0) }
    }

    @inline(__always) var flags: Flags {
        get { Flags(rawValue: UInt8(truncatingIfNeeded: first >> 8)) }
        set { Self.replace(&first, UInt64(newValue.rawValue), 8, at: 8) }
    }

    /// The element's or attribute's own, or the declared one.
    @inline(__always) var namespace: NamespaceID {
        get { NamespaceID(truncatingIfNeeded: first >> 16) }
        set { Self.replace(&first, UInt64(newValue), 16, at: 16) }
    }

    /// The name, with its prefix.
    @inline(__always) var nameOffset: UInt32 { UInt32(truncatingIfNeeded: first >> 32) }
    @inline(__always) var nameLength: UInt16 { UInt16(truncatingIfNeeded: second) }
    /// 0: no prefix.
    @inline(__always) var prefixLength: UInt16 { UInt16(truncatingIfNeeded: second >> 16) }

    /// The value or text; for elements the beginning of the content.
    @inline(__always) var valueOffset: UInt32 {
        get { UInt32(truncatingIfNeeded: second >> 32) }
        set { Self.replace(&second, UInt64(newValue), 32, at: 32) }
    }

    /// For elements all bytes from `<` to the last `>`.
    @inline(__always) var valueLength: UInt32 {
        get { UInt32(truncatingIfNeeded: third) }
        set { Self.replace(&third, UInt64(newValue), 32, at: 0) }
    }

    /// For elements the index of the first node after their content.
    @inline(__always) var end: UInt32 {
        get { UInt32(truncatingIfNeeded: third >> 32) }
        set { Self.replace(&third, UInt64(newValue), 32, at: 32) }
    }

    @inline(__always) var isEncoded: Bool { flags.contains(.encoded) }

    @inline(__always)
    var name: NameToken {
        NameToken(offset: Int(nameOffset), length: Int(nameLength), prefixLength: Int(prefixLength))
    }

    /// The range of the value or text; meaningless for elements.
    @inline(__always) var value: Range<Int> {
        Int(valueOffset)..<(Int(valueOffset) &+ Int(valueLength))
    }
}
