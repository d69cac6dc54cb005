import NIOCore

/// A stanza for many recipients, written once except for the recipient's address.
public final class WrittenStanza: Sendable {
    fileprivate let element: Element
    fileprivate let from: String?
    fileprivate let lang: String?
    fileprivate let bytes: ByteBuffer
    /// The place of the address: after the element's name.
    fileprivate let nameEnd: Int

    /// - Parameters: as in `XMLWriter.stanza`.
    public init(_ element: Element, from: String?, lang: String? = nil) {
        self.element = element
        self.from = from
        self.lang = lang
        var writer = XMLWriter(reserving: element.byteCount + 128)
        writer.stanza(element, from: from, to: nil, lang: lang)
        bytes = writer.finish()
        nameEnd = bytes.readableBytesView.firstIndex { " />".utf8.contains($0) } ?? bytes.writerIndex
    }
}

extension XMLWriter {
    /// The same as `stanza` with the written element.
    public mutating func stanza(_ written: WrittenStanza, to: String?) {
        guard currentNamespace == .client else {
            return stanza(written.element, from: written.from, to: to, lang: written.lang)
        }
        closeTag()
        let address = NewAttribute("to", to)
        output.append(written.bytes.readableBytes + address.room) { sink in
            written.bytes.withUnsafeReadableBytes { bytes in
                sink.put(UnsafeRawBufferPointer(rebasing: bytes[..<written.nameEnd]))
                address.put(into: &sink)
                sink.put(UnsafeRawBufferPointer(rebasing: bytes[written.nameEnd...]))
            }
        }
    }
}
