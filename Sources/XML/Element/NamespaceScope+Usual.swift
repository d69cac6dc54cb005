import Synchronization

extension NamespaceScope {
    /// The scope of the start tag that nearly every client sends; shared by all such streams.
    private static let usual = Mutex<NamespaceScope?>(nil)

    /// The scope inside of a stream's start tag.
    static func inside(_ origin: Document, content: NamespaceID) -> NamespaceScope {
        let scope = NamespaceScope(inside: origin, content: content)
        guard scope.isUsual else { return scope }
        return usual.withLock { usual in
            if let known = usual, known.registry.isLatest { return known }
            usual = scope
            return scope
        }
    }

    /// Whether it is that of `<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams">`.
    private var isUsual: Bool {
        guard let origin, content == .client, declarationCount == 2, declarations.count == 1 else { return false }
        let (name, declaration) = (origin.nodes[0].name, declarations[0])
        return origin.withBytes { span in
            declaration.namespace == .streams
                && span.equals(at: declaration.prefixOffset, length: declaration.prefixLength, "stream")
                && span.equals(at: name.offset, length: name.length, "stream:stream")
        }
    }
}
