import NIOCore

/// A namespace's name that the program does not know, by its place in a document.
struct LocalNamespace {
    var offset: UInt32
    var length: UInt32
    /// Of the decoded name.
    var hash: UInt64
    /// The name, if it is not what stands in the document: decoded once, however often it is asked for.
    var decoded: [UInt8]?
}

/// A complete stanza, document or start tag: its bytes and its tape. Immutable; elements are views on it.
final class Document: Sendable {
    /// What was received, readable from the first node's `<` on.
    let bytes: ByteBuffer
    /// Never empty; the first node is the outermost element.
    let nodes: ContiguousArray<Node>
    let locals: ContiguousArray<LocalNamespace>
    let scope: NamespaceScope

    init(
        bytes: ByteBuffer,
        nodes: ContiguousArray<Node>,
        locals: ContiguousArray<LocalNamespace>,
        scope: NamespaceScope
    ) {
        self.bytes = bytes
        self.nodes = nodes
        self.locals = locals
        self.scope = scope
    }

    @inline(__always)
    func withBytes<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let bytes = bytes
        return try body(bytes.readableBytesSpan)
    }

    /// Calls `body` with the name of a namespace, decoded.
    func withName<Result>(of id: NamespaceID, _ body: (RawSpan) -> Result) -> Result {
        if id.isKnown {
            return scope.registry.names[Int(id)].withUTF8Buffer { body(UnsafeRawBufferPointer($0).bytes) }
        }
        if id >= .firstInScope, let origin = scope.origin {
            return origin.withName(of: id - .firstInScope + .firstInDocument, body)
        }
        let local = locals[Int(id - .firstInDocument)]
        return withBytes { span in
            let name = span.slice(Int(local.offset), Int(local.length))
            guard let decoded = local.decoded else { return body(name) }
            return body(decoded.span.bytes)
        }
    }

    /// A namespace of the document itself with its name, which then need not stand in the bytes.
    func detachedNamespace(_ id: NamespaceID) -> LocalNamespace {
        var namespace = locals[Int(id - .firstInDocument)]
        namespace.decoded = withName(of: id) { name in name.withUnsafeBytes { Array($0) } }
        return namespace
    }

    /// The hash of the name of a namespace that the program did not know.
    func hash(of id: NamespaceID) -> UInt64 {
        if id >= .firstInScope, let origin = scope.origin {
            return origin.locals[Int(id - .firstInScope)].hash
        }
        return locals[Int(id - .firstInDocument)].hash
    }

    /// Whether `id` means `namespace`, which may have become known after this document was parsed.
    @inline(__always)
    func means(_ id: NamespaceID, _ namespace: Namespace) -> Bool {
        if id == namespace.id { return true }
        if id.isKnown { return false }
        return meansByName(id, namespace)
    }

    @inline(never)
    private func meansByName(_ id: NamespaceID, _ namespace: Namespace) -> Bool {
        withName(of: id) { $0.equals(namespace.literal) }
    }
}

/// What is declared around a document: by the stream's start tag, or by the content namespace that was asked for.
final class NamespaceScope: Sendable {
    struct Declaration {
        var prefixOffset: Int
        var prefixLength: Int
        var namespace: NamespaceID
    }

    /// Holds all known names that the document's nodes refer to.
    let registry: NamespaceRegistry
    /// The start tag that made the declarations.
    let origin: Document?
    let declarations: [Declaration]
    /// How many declarations there are, that of the default namespace counted.
    let declarationCount: Int
    /// The default namespace.
    let content: NamespaceID

    init(content: NamespaceID) {
        registry = .latest
        origin = nil
        declarations = []
        declarationCount = 0
        self.content = content
    }

    /// The scope inside of a stream's start tag.
    init(inside origin: Document, content: NamespaceID) {
        registry = .latest
        self.origin = origin
        self.content = Self.shifted(content)
        declarationCount = origin.nodes.count { $0.kind == .declaration }
        declarations = origin.nodes.compactMap { node in
            guard node.kind == .declaration, node.prefixLength > 0 else { return nil }
            let name = node.name
            return Declaration(
                prefixOffset: name.localOffset, prefixLength: name.localLength, namespace: Self.shifted(node.namespace))
        }
    }

    /// The same scope after the program has learned more names.
    init(refreshing old: NamespaceScope) {
        registry = .latest
        origin = old.origin
        declarations = old.declarations
        declarationCount = old.declarationCount
        content = old.content
    }

    /// Names that the document brought along keep their meaning outside of it.
    private static func shifted(_ id: NamespaceID) -> NamespaceID {
        id.isKnown ? id : id - .firstInDocument + .firstInScope
    }
}
