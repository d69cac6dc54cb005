/// Decodes received bytes: resolves references and normalises line ends (XML 1.0, sections 2.11, 3.3.3 and 4.6).
enum Decoding {
    case text
    /// No references.
    case cdata
    /// White space becomes a blank, unless by reference.
    case attribute

    init(_ node: Node) {
        switch node.kind {
        case .cdata: self = .cdata
        case .text: self = .text
        case .element, .attribute, .declaration: self = .attribute
        }
    }

    func bytes(_ span: RawSpan) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: span.byteCount) { target, count in
            count = decode(span, into: target)
        }
    }

    func string(_ span: RawSpan) -> String {
        String(unsafeUninitializedCapacity: span.byteCount) { target in
            decode(span, into: target)
        }
    }

    /// Decodes into `target`, which has room for as many bytes as `span`: nothing becomes longer.
    private func decode(_ span: RawSpan, into target: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var count = 0
        func put(_ byte: UInt8) {
            guard count < target.count else { return }
            target.initializeElement(at: count, to: byte)
            count += 1
        }
        var index = 0
        while index < span.byteCount {
            let byte = span.byte(index)
            index += 1
            switch byte {
            case UInt8(ascii: "&") where self != .cdata:
                guard let reference = try? Reference(span.extracting(droppingFirst: index - 1)) else { continue }
                index += reference.length - 1
                for byte in Self.utf8(reference.scalar) { put(byte) }
            case 0x0D:
                if index < span.byteCount, span.byte(index) == 0x0A { index += 1 }
                put(self == .attribute ? 0x20 : 0x0A)
            case 0x0A, 0x09:
                put(self == .attribute ? 0x20 : byte)
            default:
                put(byte)
            }
        }
        return count
    }

    private static func utf8(_ scalar: UInt32) -> Unicode.UTF8.EncodedScalar {
        Unicode.UTF8.encode(Unicode.Scalar(scalar) ?? "\u{FFFD}") ?? Unicode.UTF8.encodedReplacementCharacter
    }
}
