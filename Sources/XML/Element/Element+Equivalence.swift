extension Element {
    /// Whether both elements mean the same: equal names, namespaces, attributes in any order, text and children.
    /// Prefixes, quotation marks, CDATA sections and ways to write a character do not matter.
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
        name.utf8.elementsEqual(other.name.utf8) && hasSameNamespace(node, other, other.node)
    }

    private func hasSameNamespace(_ node: Node, _ other: Element, _ otherNode: Node) -> Bool {
        if node.namespace.isKnown, node.namespace == otherNode.namespace { return true }
        return document.withName(of: node.namespace) { name in
            other.document.withName(of: otherNode.namespace) { otherName in
                name.byteCount == otherName.byteCount && name.equals(at: 0, otherName, at: 0, length: name.byteCount)
            }
        }
    }

    private func hasSameAttributes(as other: Element) -> Bool {
        var count = 0
        for attribute in attributes {
            count += 1
            let name = attribute.name
            let isThere = other.attributes.contains { candidate in
                name.utf8.elementsEqual(candidate.name.utf8)
                    && hasSameNamespace(
                        document.nodes[attribute.index], other, other.document.nodes[candidate.index])
                    && attribute.value.utf8.elementsEqual(candidate.value.utf8)
            }
            guard isThere else { return false }
        }
        return count == other.attributes.reduce(0) { count, _ in count + 1 }
    }
}

/// Goes through an element without recursion, as a peer chooses how deep it is.
private struct TapeWalk {
    enum Step {
        case start(Element)
        case text(String)
        case end
    }

    private let document: Document
    private var index: Int
    private let end: Int
    /// Where the open elements end.
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
