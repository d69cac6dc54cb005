import NIOCore

extension ByteBuffer {
    /// Converts a stanza written for a stream with the content namespace `jabber:client` to a stream with another one:
    /// elements in the content namespace inherit the stream's, so their declarations of `jabber:client` are removed. A
    /// nested stanza, such as a forwarded one, keeps its declaration.
    public func withoutContentDeclarations() -> ByteBuffer {
        // Few stanzas have one. What is not one element is not ours to change.
        guard readableBytesSpan.contains(Namespace.client.literal),
            let element = try? Element(ownOutput: self, contentNamespace: .client)
        else { return self }
        var bytes = element.document.bytes
        for declaration in element.document.redundantDeclarations(of: NamespaceID.client) {
            // White space has no meaning there.
            let length = declaration.value.upperBound + 1 - Int(declaration.nameOffset)
            bytes.setRepeatingByte(
                UInt8(ascii: " "), count: length, at: bytes.readerIndex + Int(declaration.nameOffset))
        }
        return bytes
    }
}

extension Document {
    /// The declarations of `namespace` as the default one where it is that already.
    fileprivate func redundantDeclarations(of namespace: NamespaceID) -> [Node] {
        var found: [Node] = []
        var open: [(end: Int, outerDefault: NamespaceID)] = []
        var currentDefault = scope.content
        for (index, node) in nodes.enumerated() {
            while let last = open.last, index >= last.end {
                currentDefault = last.outerDefault
                open.removeLast()
            }
            if node.kind == .element {
                open.append((Int(node.end), currentDefault))
            } else if node.kind == .declaration, node.prefixLength == 0 {
                if node.namespace == namespace, currentDefault == namespace { found.append(node) }
                currentDefault = node.namespace
            }
        }
        return found
    }
}
