import CExpat

/// What libexpat makes of a document.
enum Expat {
    /// Cannot stand in a document in any way, so it separates namespace and name for sure.
    private static let separator: XML_Char = 0x0C

    private final class Builder {
        var open: [Tree] = []
        var root: Tree?
    }

    /// The document's root, or nil if expat refuses it.
    static func tree(_ bytes: [UInt8]) -> Tree? {
        guard let parser = XML_ParserCreateNS(nil, separator) else { return nil }
        defer { XML_ParserFree(parser) }
        let builder = Builder()
        XML_SetUserData(parser, Unmanaged.passUnretained(builder).toOpaque())
        XML_SetElementHandler(
            parser,
            { data, name, attributes in
                guard let data, let name, let attributes else { return }
                let builder = Unmanaged<Builder>.fromOpaque(data).takeUnretainedValue()
                var tree = Tree(name: Expat.name(name))
                var index = 0
                while let key = attributes[index], let value = attributes[index + 1] {
                    tree.attributes[Expat.name(key)] = String(cString: value)
                    index += 2
                }
                builder.open.append(tree)
            },
            { data, _ in
                guard let data else { return }
                let builder = Unmanaged<Builder>.fromOpaque(data).takeUnretainedValue()
                guard let tree = builder.open.popLast() else { return }
                if builder.open.isEmpty {
                    builder.root = tree
                } else {
                    builder.open[builder.open.count - 1].content.append(.element(tree))
                }
            })
        XML_SetCharacterDataHandler(parser) { data, text, length in
            guard let data, let text else { return }
            let builder = Unmanaged<Builder>.fromOpaque(data).takeUnretainedValue()
            let bytes = UnsafeRawBufferPointer(start: text, count: Int(length))
            guard !builder.open.isEmpty else { return }
            builder.open[builder.open.count - 1].add(text: String(decoding: bytes, as: UTF8.self))
        }
        let status = bytes.withUnsafeBytes { buffer in
            XML_Parse(parser, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(buffer.count), 1)
        }
        return status == XML_STATUS_OK ? builder.root : nil
    }

    private static func name(_ qualified: UnsafePointer<XML_Char>) -> String {
        let parts = String(cString: qualified).split(
            separator: "\u{0C}", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 ? "{\(parts[0])}\(parts[1])" : "{}\(parts[0])"
    }
}
