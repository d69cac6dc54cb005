import NIOCore

extension XMLWriter {
    /// Writes a received element with its content: its bytes, with the outside declarations that they need to mean the
    /// same here.
    ///
    /// The output is longer than the input only by these declarations, each of which is written once.
    public mutating func copy(_ element: Element) {
        closeTag()
        let declarations = declarations(for: element)
        element.document.withBytes { span in
            let bytes = span.slice(element.start, element.byteCount)
            let nameEnd = declarations.isEmpty ? bytes.byteCount : 1 + Int(element.node.nameLength)
            output.append(bytes.byteCount + declarations.count) { sink in
                sink.put(bytes.extracting(first: nameEnd))
                declarations.withUnsafeBytes { sink.put($0) }
                sink.put(bytes.extracting(droppingFirst: nameEnd))
            }
        }
    }

    /// The same without some of the elements directly inside.
    /// - Parameter isUnwanted: called once for each of them, in order.
    public mutating func copy(_ element: Element, leavingOut isUnwanted: @escaping (Element) -> Bool) {
        pass(element, nil, leavingOut: isUnwanted, nil)
    }

    /// Whether a namespace of a document is the default one at this place.
    func isCurrent(_ namespace: NamespaceID, in document: Document) -> Bool {
        if let current = currentNamespace { return document.means(namespace, current) }
        guard let frame = innermost else { return false }
        let current = dynamic[frame.dynamic].namespace.utf8.span.bytes
        return document.withName(of: namespace) { name in
            name.byteCount == current.byteCount && name.equals(at: 0, current, at: 0, length: name.byteCount)
        }
    }

    /// The declarations that `element` needs here, in addition to its own.
    func declarations(for element: Element) -> [UInt8] {
        let node = element.node
        var declarations: [UInt8] = []
        // Nearly every element is itself in the default namespace.
        let outerDefault =
            node.prefixLength == 0 && !node.flags.contains(.declaresDefault)
            ? node.namespace : element.outerDefault
        if let outerDefault, !isCurrent(outerDefault, in: element.document) {
            declarations.appendDeclaration(of: outerDefault, in: element.document)
        }
        for prefix in element.outerPrefixes() { declarations.appendDeclaration(of: prefix, in: element.document) }
        return declarations
    }
}

extension [UInt8] {
    /// Appends ` xmlns="…"` with a namespace of a document.
    mutating func appendDeclaration(of namespace: NamespaceID, in document: Document) {
        append(contentsOf: " xmlns=".utf8)
        document.withName(of: namespace) { appendQuoted($0) }
    }

    /// Appends ` xmlns:prefix="…"`.
    mutating func appendDeclaration(of prefix: OuterPrefix, in document: Document) {
        document.withBytes { span in
            appendDeclaration(prefix: span.slice(prefix.offset, prefix.length), prefix.namespace, in: document)
        }
    }

    /// Appends ` xmlns:prefix="…"`.
    mutating func appendDeclaration(prefix: RawSpan, _ namespace: NamespaceID, in document: Document) {
        append(contentsOf: " xmlns:".utf8)
        prefix.withUnsafeBytes { append(contentsOf: $0) }
        append(UInt8(ascii: "="))
        document.withName(of: namespace) { appendQuoted($0) }
    }

    /// Appends the name of a namespace as an attribute's value: never longer than it was received, hence with the
    /// better quotation marks and the shortest references.
    private mutating func appendQuoted(_ name: RawSpan) {
        name.withUnsafeBytes { name in
            var balance = 0
            for byte in name where byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                balance += byte == UInt8(ascii: "\"") ? 1 : -1
            }
            let quote = balance > 0 ? UInt8(ascii: "'") : UInt8(ascii: "\"")
            append(quote)
            for byte in name {
                switch byte {
                case UInt8(ascii: "&"): append(contentsOf: "&amp;".utf8)
                case UInt8(ascii: "<"): append(contentsOf: "&lt;".utf8)
                case quote, 0x09, 0x0A, 0x0D: append(contentsOf: "&#\(byte);".utf8)
                default: append(byte)
                }
            }
            append(quote)
        }
    }
}
