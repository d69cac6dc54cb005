extension Element {
    /// The elements directly inside, in order.
    public var children: Children {
        Children(element: self)
    }

    /// The elements directly inside of an element.
    public struct Children: Sequence, Sendable {
        let element: Element

        public func makeIterator() -> Iterator {
            Iterator(document: element.document, index: element.index + 1, end: element.end)
        }

        /// Iterates over children.
        public struct Iterator: IteratorProtocol, Sendable {
            let document: Document
            var index: Int
            let end: Int

            public mutating func next() -> Element? {
                while index < end {
                    let current = index
                    guard document.nodes[current].kind == .element else {
                        index += 1
                        continue
                    }
                    index = Int(document.nodes[current].end)
                    return Element(document: document, index: current)
                }
                return nil
            }
        }
    }

    /// The first element directly inside.
    public var firstChild: Element? {
        children.first { _ in true }
    }

    /// The child, if there is exactly one.
    public var onlyChild: Element? {
        var iterator = children.makeIterator()
        guard let first = iterator.next(), iterator.next() == nil else { return nil }
        return first
    }

    /// The first child of this name and namespace.
    public func child(_ name: StaticString, _ namespace: Namespace) -> Element? {
        children.first { $0.isNamed(name, namespace) }
    }

    /// Whether there is a child of this name and namespace.
    public func hasChild(_ name: StaticString, _ namespace: Namespace) -> Bool {
        child(name, namespace) != nil
    }

    /// The first child in this namespace, whatever its name.
    public func firstChild(in namespace: Namespace) -> Element? {
        children.first { $0.isIn(namespace) }
    }

    /// Whether there is a child in one of these namespaces, whatever its name. Cheap if there is none.
    public func hasChild(inOneOf namespaces: [Namespace]) -> Bool {
        var next = index + 1
        while next < end {
            let node = document.nodes[next]
            guard node.kind == .element else {
                next += 1
                continue
            }
            if namespaces.contains(where: { document.means(node.namespace, $0) }) { return true }
            next = Int(node.end)
        }
        return false
    }

    /// The decoded text directly inside, in one piece.
    public var text: String {
        var text = ""
        forEachText { node in
            if text.isEmpty { text = decoded(node) } else { text += decoded(node) }
            return true
        }
        return text
    }

    /// Whether there is text directly inside other than white space.
    public var hasText: Bool {
        var isBlank = true
        document.withBytes { span in
            forEachText { node in
                isBlank = node.value.allSatisfy { XMLCharacter.isSpace(span.byte($0)) }
                return isBlank
            }
        }
        return !isBlank
    }

    /// The index of the first node behind the element.
    @inline(__always) var end: Int { Int(node.end) }

    /// Calls `body` with the text nodes directly inside, as long as it returns true.
    private func forEachText(_ body: (Node) -> Bool) {
        var next = index + 1
        while next < end {
            let node = document.nodes[next]
            switch node.kind {
            case .element:
                next = Int(node.end)
                continue
            case .text, .cdata:
                guard body(node) else { return }
            case .attribute, .declaration:
                break
            }
            next += 1
        }
    }
}
