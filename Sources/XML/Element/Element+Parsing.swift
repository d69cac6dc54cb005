import NIOCore

extension Element {
    /// Parses one whole document, such as a WebSocket frame or a stored stanza. An XML declaration and white space
    /// around the element are allowed.
    /// - Parameter contentNamespace: the default namespace without a declaration.
    public init(
        parsing bytes: ByteBuffer,
        limits: XMLLimits = .init(),
        contentNamespace: Namespace = .none
    ) throws(XMLError) {
        var parser = StreamParser(documentWith: contentNamespace, limits: limits)
        parser.feed(bytes)
        guard case .element(let element)? = try parser.next() else { throw parser.unexpectedEnd }
        // Only white space may follow.
        _ = try parser.next()
        self = element
    }

    /// Parses the program's own output, such as a rewritten stanza or one from the storage, without the limits for
    /// peers. Fails only if it is not XML, such as in a damaged store.
    public init(ownOutput bytes: ByteBuffer, contentNamespace: Namespace = .none) throws(XMLError) {
        try self.init(parsing: bytes, limits: .ownOutput, contentNamespace: contentNamespace)
    }

    /// Parses stored bytes.
    public init(ownOutput bytes: [UInt8], contentNamespace: Namespace = .none) throws(XMLError) {
        try self.init(ownOutput: ByteBuffer(bytes: bytes), contentNamespace: contentNamespace)
    }

    /// Parses one whole document of at most ``XMLLimits/stanzaBytes`` by default.
    public init(parsing text: String, contentNamespace: Namespace = .none) throws(XMLError) {
        try self.init(parsing: ByteBuffer(string: text), contentNamespace: contentNamespace)
    }
}

extension StreamParser {
    /// The error for bytes that ended too early.
    fileprivate var unexpectedEnd: XMLError {
        let end = placeOfEnd
        return XMLError(
            kind: .notWellFormed, reason: "Unexpected end of file", line: end.line, position: end.position)
    }
}
