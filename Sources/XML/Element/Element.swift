import NIOCore

/// A received XML element: a view on a tape. Copying it is cheap and keeps the whole stanza's bytes, and their read
/// buffer, alive; see ``detached()``.
public struct Element: Sendable, CustomStringConvertible {
    let document: Document
    let index: Int

    init(document: Document, index: Int) {
        self.document = document
        self.index = index
    }

    @inline(__always) var node: Node { document.nodes[index] }

    /// The name without prefix.
    public var name: String {
        let name = node.name
        return document.withBytes { $0.string(name.localOffset, name.localLength) }
    }

    /// The prefix as received; without meaning of its own.
    public var prefix: String? {
        let name = node.name
        guard name.prefixLength > 0 else { return nil }
        return document.withBytes { $0.string(name.offset, name.prefixLength) }
    }

    /// The namespace; nil if the program does not know it.
    public var namespace: Namespace? {
        let id = node.namespace
        if id.isKnown { return document.scope.registry.namespace(id) }
        return lateNamespace(id)
    }

    /// The namespace's name; empty if there is none.
    public var namespaceName: String {
        document.withName(of: node.namespace) { $0.string(0, $0.byteCount) }
    }

    /// Whether the name without prefix is `name` and the namespace is `namespace`.
    public func isNamed(_ name: StaticString, _ namespace: Namespace) -> Bool {
        isIn(namespace) && hasName(name)
    }

    /// Whether the name without prefix is `name`, in whatever namespace.
    public func hasName(_ name: StaticString) -> Bool {
        let token = node.name
        return document.withBytes { $0.equals(at: token.localOffset, length: token.localLength, name) }
    }

    /// Whether the namespace is `namespace`, whatever the prefix.
    public func isIn(_ namespace: Namespace) -> Bool {
        document.means(node.namespace, namespace)
    }

    /// The number of received bytes.
    public var byteCount: Int {
        Int(node.valueLength)
    }

    /// The received bytes. Valid on their own only if ``isSelfContained``.
    public var bytes: ByteBuffer {
        document.bytes.getSlice(at: document.bytes.readerIndex + start, length: byteCount) ?? ByteBuffer()
    }

    /// Whether the bytes mean the same in another stream with the same content namespace: they use no prefix and no
    /// default namespace from outside, other than the content namespace.
    public var isSelfContained: Bool {
        let node = node
        if node.flags.contains(.usesOuterPrefix) { return false }
        guard node.flags.contains(.usesOuterDefault) else { return true }
        // The content of a prefixed element may be in another default namespace, which is not easy to see here.
        return node.prefixLength == 0 && node.namespace == document.scope.content
    }

    /// A copy in memory of its own size, to be kept for long.
    public func detached() -> Element {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(byteCount)
        document.withBytes { span in
            span.slice(start, byteCount).withUnsafeBytes { _ = bytes.writeBytes($0) }
        }
        var nodes = ContiguousArray<Node>()
        nodes.reserveCapacity(end - index)
        var locals: ContiguousArray<LocalNamespace> = []
        var numbers: [NamespaceID: NamespaceID] = [:]
        for var node in document.nodes[index..<end] {
            node.move(bytes: start, nodes: index)
            if node.namespace >= .firstInDocument, node.namespace < .firstInScope {
                if numbers[node.namespace] == nil {
                    numbers[node.namespace] = .firstInDocument + NamespaceID(locals.count)
                    locals.append(document.detachedNamespace(node.namespace))
                }
                node.namespace = numbers[node.namespace] ?? .none
            }
            nodes.append(node)
        }
        return Element(
            document: Document(bytes: bytes, nodes: nodes, locals: locals, scope: document.scope), index: 0)
    }

    /// Only name and size, as contents may be private.
    public var description: String {
        "<\(name)> in '\(namespaceName)', \(byteCount) bytes"
    }

    /// The offset of the `<`.
    @inline(__always) var start: Int { Int(node.nameOffset) &- 1 }

    @inline(never)
    private func lateNamespace(_ id: NamespaceID) -> Namespace? {
        let registry = NamespaceRegistry.latest
        let hash = document.hash(of: id)
        return document.withName(of: id) { registry.id(of: $0, hash: hash) }.map(registry.namespace)
    }
}
