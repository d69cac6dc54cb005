extension Element {
    /// Whether both elements mean the same: equal names, namespaces, attributes in any order, text and children.
    /// Prefixes, quotation marks, CDATA sections and escapes do not matter.
    public func isEquivalent(to other: Element) -> Bool {
        var left = TapeWalk(self)
        var right = TapeWalk(other)
        while true {
            switch (left.next(), right.next()) {
            case (.start(let one), .start(let two)):
                guard one.hasSameName(as: two), one.hasSameAttributes(as: two) else { return false }
            case (.text(let one), .text(let two)):
                // Strings themselves would compare by canonical equivalence.
                guard one.utf8.elementsEqual(two.utf8) else { return false }
            case (.end, .end):
                break
            case (nil, nil):
                return true
            default:
                return false
            }
        }
    }

    private func hasSameName(as other: Element) -> Bool {
        hasSameLocalName(node, other, other.node) && hasSameNamespace(node, other, other.node)
    }

    private func hasSameNamespace(_ node: Node, _ other: Element, _ otherNode: Node) -> Bool {
        if node.namespace.isKnown, node.namespace == otherNode.namespace { return true }
        return document.withName(of: node.namespace) { name in
            other.document.withName(of: otherNode.namespace) { otherName in
                name.byteCount == otherName.byteCount && name.equals(at: 0, otherName, at: 0, length: name.byteCount)
            }
        }
    }

    private func hasSameLocalName(_ node: Node, _ other: Element, _ otherNode: Node) -> Bool {
        let (name, otherName) = (node.name, otherNode.name)
        guard name.localLength == otherName.localLength else { return false }
        return document.withBytes { span in
            other.document.withBytes { otherSpan in
                span.equals(at: name.localOffset, otherSpan, at: otherName.localOffset, length: name.localLength)
            }
        }
    }

    private func hasSameAttributes(as other: Element) -> Bool {
        var count = 0
        for attribute in attributes {
            count += 1
            let node = document.nodes[attribute.index]
            let counterpart = other.attributes.first { candidate in
                let otherNode = other.document.nodes[candidate.index]
                return hasSameLocalName(node, other, otherNode) && hasSameNamespace(node, other, otherNode)
            }
            guard let counterpart, attribute.value.utf8.elementsEqual(counterpart.value.utf8) else { return false }
        }
        return count == other.attributes.reduce(0) { count, _ in count + 1 }
    }
}

/// Walks an element without recursion, as a peer chooses its depth.
private struct TapeWalk {
    enum Step {
        case start(Element)
        case text(String)
        case end
    }

    private let document: Document
    private var index: Int
    private let end: Int
    /// The ends of open elements.
    private var ends: [Int] = []

    init(_ element: Element) {
        document = element.document
        index = element.index
        end = element.end
    }

    mutating func next() -> Step? {
        var text: String?
        while true {
            if let last = ends.last, index >= last {
                if let text { return .text(text) }
                ends.removeLast()
                return .end
            }
            guard index < end else { return nil }
            let node = document.nodes[index]
            switch node.kind {
            case .element:
                if let text { return .text(text) }
                ends.append(Int(node.end))
                index += 1
                return .start(Element(document: document, index: index - 1))
            case .text, .cdata:
                text = (text ?? "") + Element(document: document, index: 0).decoded(node)
            case .attribute, .declaration:
                break
            }
            index += 1
        }
    }
}
