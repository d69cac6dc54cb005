import Glibc

/// Finds where the children of a stream's root begin and end, without building anything.
///
/// It trusts the server to send well-formed XML: what is measured is the server, and every byte that is looked at here
/// takes time from it.
struct StanzaScanner {
    enum Event {
        /// The stream's start tag is complete.
        case opened
        /// A whole child of the root.
        case stanza(Range<Int>)
        /// The stream's end tag.
        case closed
    }

    private enum Place { case text, tag, quote, cdata }

    private var place = Place.text
    private var depth = 0
    private var quote: UInt8 = 0
    private var tag = 0
    /// Where to look next.
    private var cursor = 0
    /// The first byte that is still needed: that of the stanza under way.
    private(set) var start = 0

    /// The next event in `bytes`, which begin where they began at the last call unless ``discard()`` came between.
    mutating func next(in bytes: UnsafeRawBufferPointer) -> Event? {
        guard let base = bytes.baseAddress else { return nil }
        while cursor < bytes.count {
            switch place {
            case .text:
                guard let found = Self.find(0x3C, base, cursor, bytes.count) else {
                    cursor = bytes.count
                    if depth < 2 { start = cursor }
                    return nil
                }
                tag = found
                if depth < 2 { start = found }
                cursor = found + 1
                place = .tag
            case .quote:
                guard let found = Self.find(quote, base, cursor, bytes.count) else {
                    cursor = bytes.count
                    return nil
                }
                cursor = found + 1
                place = .tag
            case .cdata:
                guard let found = Self.find(0x3E, base, cursor, bytes.count) else {
                    cursor = bytes.count
                    return nil
                }
                cursor = found + 1
                if bytes[found - 1] == 0x5D, bytes[found - 2] == 0x5D { place = .text }
            case .tag:
                if let event = insideTag(bytes) { return event }
            }
        }
        return nil
    }

    /// Up to and with the byte in a tag that means something.
    private mutating func insideTag(_ bytes: UnsafeRawBufferPointer) -> Event? {
        var index = cursor
        defer { cursor = index }
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            switch byte {
            case 0x22, 0x27:
                quote = byte
                place = .quote
                return nil
            case 0x5B where index - tag == 9 && bytes[tag + 1] == 0x21:
                place = .cdata
                return nil
            case 0x3E:
                place = .text
                return tagEnded(bytes, at: index)
            default:
                break
            }
        }
        return nil
    }

    private mutating func tagEnded(_ bytes: UnsafeRawBufferPointer, at end: Int) -> Event? {
        let first = bytes[tag + 1]
        if first == 0x3F { return nil }
        if first == 0x2F {
            depth -= 1
            if depth == 0 { return .closed }
        } else if bytes[end - 2] != 0x2F {
            depth += 1
            guard depth == 1 else { return nil }
            start = end
            return .opened
        }
        guard depth == 1 else { return nil }
        defer { start = end }
        return .stanza(start..<end)
    }

    /// The bytes before ``start`` are gone.
    mutating func discard() {
        cursor -= start
        tag -= start
        start = 0
    }

    @inline(__always)
    private static func find(_ byte: UInt8, _ base: UnsafeRawPointer, _ from: Int, _ end: Int) -> Int? {
        memchr(base + from, CInt(byte), end - from).map { UnsafeRawPointer($0) - base }
    }
}
