import NIOCore

extension XMLWriter {
    /// Writes a received element and all that it contains: its bytes if they mean the same here, else the same
    /// elements without prefixes.
    public mutating func copy(_ element: Element) {
        guard element.canBeCopied else {
            normalise(element, root: nil)
            return
        }
        closeTag()
        let node = element.node
        let declares = !isCurrent(element) && !node.flags.contains(.declaresDefault) && node.prefixLength == 0
        element.document.withBytes { span in
            let bytes = span.slice(element.start, element.byteCount)
            guard declares else {
                output.append(bytes.byteCount) { $0.put(bytes) }
                return
            }
            let nameEnd = 1 + Int(node.nameLength)
            output.append(nameEnd) { $0.put(bytes.extracting(first: nameEnd)) }
            writeDeclaration(of: element)
            output.append(bytes.byteCount - nameEnd) { $0.put(bytes.extracting(droppingFirst: nameEnd)) }
        }
    }

    /// Writes a received element with more content behind its own.
    public mutating func copy(_ element: Element, appending content: (inout XMLWriter) -> Void) {
        normalise(element, root: nil, appending: content)
    }

    /// Whether the namespace of `element` is the default one at this place.
    func isCurrent(_ element: Element) -> Bool {
        if let current = currentNamespace { return element.isIn(current) }
        guard let frame = innermost else { return false }
        return dynamic[frame.dynamic].namespace == element.namespaceName
    }

    /// Writes ` xmlns="…"` with the namespace of `element`.
    func declaration(of element: Element) -> [UInt8] {
        element.document.withName(of: element.node.namespace) { name in
            let measure = Escaping.attribute.measure(name)
            return [UInt8](unsafeUninitializedCapacity: measure.byteCount + 9) { memory, count in
                var sink = ByteSink(UnsafeMutableRawBufferPointer(memory))
                sink.putAttribute("xmlns", name, measure)
                count = sink.count
            }
        }
    }

    mutating func writeDeclaration(of element: Element) {
        output.writeBytes(declaration(of: element))
    }
}

extension Element {
    /// Whether the bytes mean the same anywhere, if only the element's own namespace is declared on it where needed.
    var canBeCopied: Bool {
        let node = node
        if node.flags.contains(.usesOuterPrefix) { return false }
        return node.prefixLength == 0 || !node.flags.contains(.usesOuterDefault)
    }
}
