import Glibc

/// A stanza in the buffer that it came in; valid only while it is being handled.
struct ReceivedStanza {
    let bytes: UnsafeRawBufferPointer

    /// Whether this is the name of the stanza's own element.
    @inline(__always)
    func isNamed(_ name: StaticString) -> Bool {
        let length = name.utf8CodeUnitCount
        guard bytes.count > length + 1, let base = bytes.baseAddress else { return false }
        guard memcmp(base + 1, name.utf8Start, length) == 0 else { return false }
        switch bytes[length + 1] {
        case 0x20, 0x2F, 0x3E, 0x09, 0x0A, 0x0D: return true
        default: return false
        }
    }

    /// Where `text` begins at or after `from`.
    func find(_ text: StaticString, from: Int = 0) -> Int? {
        bytes.find(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), from: from)
    }

    func contains(_ text: StaticString) -> Bool { find(text) != nil }

    /// The bytes of an attribute in the tag that begins at `tag`, as they stand there.
    func attribute(_ name: StaticString, ofTagAt tag: Int = 0) -> UnsafeRawBufferPointer? {
        guard let base = bytes.baseAddress else { return nil }
        let length = name.utf8CodeUnitCount
        var index = tag + 1
        while index < bytes.count {
            switch bytes[index] {
            case 0x3E:
                return nil
            case 0x22, 0x27:
                // Past the value, in which anything may stand.
                guard let end = memchr(base + index + 1, CInt(bytes[index]), bytes.count - index - 1) else {
                    return nil
                }
                index = UnsafeRawPointer(end) - base + 1
            case 0x20, 0x09, 0x0A, 0x0D:
                index += 1
                let value = index + length + 2
                guard value < bytes.count, memcmp(base + index, name.utf8Start, length) == 0,
                    bytes[index + length] == 0x3D
                else { continue }
                guard let end = memchr(base + value, CInt(bytes[value - 1]), bytes.count - value) else { return nil }
                return UnsafeRawBufferPointer(rebasing: bytes[value..<(UnsafeRawPointer(end) - base)])
            default:
                index += 1
            }
        }
        return nil
    }

    /// Whether an attribute of the stanza has this value.
    @inline(__always)
    func attribute(_ name: StaticString, is value: StaticString) -> Bool {
        guard let found = attribute(name), found.count == value.utf8CodeUnitCount else { return false }
        guard let base = found.baseAddress else { return true }
        return memcmp(base, value.utf8Start, found.count) == 0
    }

    /// An attribute as text.
    func text(ofAttribute name: StaticString, ofTagAt tag: Int = 0) -> String? {
        attribute(name, ofTagAt: tag).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The text in the first element whose tag begins so, such as `<jid`.
    func text(in tag: StaticString) -> String? {
        guard let base = bytes.baseAddress, let begin = find(tag),
            let close = memchr(base + begin, 0x3E, bytes.count - begin)
        else { return nil }
        let from = UnsafeRawPointer(close) - base + 1
        guard bytes[from - 2] != 0x2F, let end = memchr(base + from, 0x3C, bytes.count - from) else { return nil }
        return String(decoding: bytes[from..<(UnsafeRawPointer(end) - base)], as: UTF8.self)
    }

    /// For messages about what was not expected.
    var excerpt: String { String(decoding: bytes.prefix(400), as: UTF8.self) }
}

extension UnsafeRawBufferPointer {
    /// Where `pattern` begins at or after `from`.
    @inline(__always)
    func find(_ pattern: UnsafeRawBufferPointer, from: Int = 0) -> Int? {
        guard let base = baseAddress, let wanted = pattern.baseAddress else { return nil }
        var index = from
        while index + pattern.count <= count {
            guard let first = memchr(base + index, CInt(pattern[0]), count - index - pattern.count + 1) else {
                return nil
            }
            if memcmp(first, wanted, pattern.count) == 0 { return UnsafeRawPointer(first) - base }
            index = UnsafeRawPointer(first) - base + 1
        }
        return nil
    }
}
