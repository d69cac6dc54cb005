import NIOCore

/// The name of a namespace that the program does not know, by its place in a document.
struct LocalNamespace {
    var offset: UInt32
    var length: UInt32
    /// Of the decoded name.
    var hash: UInt64
    /// The decoded name, if it differs from the document's bytes; decoded once.
    var decoded: [UInt8]?
}

/// A complete stanza, document or start tag: its bytes and its tape. Immutable; elements are views on it.
final class Document: Sendable {
    /// The received bytes, readable from the first node's `<` on.
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

    /// A namespace of the document with its name, independent of the document's bytes.
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

    /// Whether `id` means `namespace`, which may have been interned after this document was parsed.
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

/// The declarations around a document: of the stream's start tag, or of a given content namespace.
final class NamespaceScope: Sendable {
    struct Declaration {
        var prefixOffset: Int
        var prefixLength: Int
        var namespace: NamespaceID
    }

    /// Holds all known names that the document's nodes refer to.
    let registry: NamespaceRegistry
    /// The start tag with the declarations.
    let origin: Document?
    let declarations: [Declaration]
    /// The number of declarations, including that of the default namespace.
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

    /// Names from the document keep their meaning outside of it.
    private static func shifted(_ id: NamespaceID) -> NamespaceID {
        id.isKnown ? id : id - .firstInDocument + .firstInScope
    }
}
