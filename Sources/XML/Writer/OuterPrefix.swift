/// A prefix that an element uses and that is declared outside of it.
struct OuterPrefix {
    /// The place of its first use.
    let offset: Int
    let length: Int
    let namespace: NamespaceID
}

extension Element {
    /// The prefixes that the element uses and that are declared outside of it, each once.
    ///
    /// Costs a look at the tags between the element and such a prefix: nothing for most elements.
    func outerPrefixes() -> [OuterPrefix] {
        guard node.flags.contains(.usesOuterPrefix) else { return [] }
        return document.withBytes { span in
            var search = OuterPrefixSearch()
            var next = index
            while next < end {
                let node = document.nodes[next]
                guard node.kind == .element else {
                    next += 1
                    continue
                }
                guard node.flags.contains(.usesOuterPrefix) else {
                    next = Int(node.end)
                    continue
                }
                search.enter(next)
                let last = document.endOfTag(next)
                for declaration in document.nodes[(next + 1)..<last] where declaration.kind == .declaration {
                    search.declare(declaration, until: Int(node.end))
                }
                search.note(node, in: span)
                for attribute in document.nodes[(next + 1)..<last] where attribute.kind == .attribute {
                    search.note(attribute, in: span)
                }
                next = last
            }
            return search.found
        }
    }

    /// The default namespace around the element, if a name in it uses that; nil otherwise.
    var outerDefault: NamespaceID? {
        var element = self
        while element.node.flags.contains(.usesOuterDefault) {
            if element.node.prefixLength == 0 { return element.node.namespace }
            // One of the children shows which it is.
            guard let inner = element.children.first(where: { $0.node.flags.contains(.usesOuterDefault) }) else {
                break
            }
            element = inner
        }
        return nil
    }
}

extension Document {
    /// The index of the first node after the attributes and declarations of the element at `index`.
    func endOfTag(_ index: Int) -> Int {
        var next = index + 1
        while next < nodes.count, nodes[next].kind == .attribute || nodes[next].kind == .declaration { next += 1 }
        return next
    }
}

/// Walks through the tags of an element and collects the prefixes not declared in it.
private struct OuterPrefixSearch {
    private(set) var found: [OuterPrefix] = []
    /// Those declared in the element, with the index up to which they apply.
    private var inner: [(offset: Int, length: Int, end: Int)] = []

    mutating func enter(_ index: Int) {
        while let last = inner.last, last.end <= index { inner.removeLast() }
    }

    mutating func declare(_ declaration: Node, until end: Int) {
        guard declaration.prefixLength > 0 else { return }
        inner.append((declaration.name.localOffset, declaration.name.localLength, end))
    }

    mutating func note(_ node: Node, in span: RawSpan) {
        let (offset, length) = (Int(node.nameOffset), Int(node.prefixLength))
        guard length > 0, node.namespace != .xml else { return }
        for declared in inner.reversed() where declared.length == length {
            if span.equals(at: offset, span, at: declared.offset, length: length) { return }
        }
        for known in found where known.length == length {
            if span.equals(at: offset, span, at: known.offset, length: length) { return }
        }
        found.append(OuterPrefix(offset: offset, length: length, namespace: node.namespace))
    }
}
