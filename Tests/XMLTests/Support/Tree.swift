@testable import XML

/// An element as plain values, to compare what parsers make of a document.
struct Tree: Equatable, Sendable, CustomStringConvertible {
    enum Content: Equatable, Sendable {
        case element(Tree)
        case text(String)
    }

    /// `{namespace}name`
    var name: String
    var attributes: [String: String] = [:]
    var content: [Content] = []

    init(name: String, attributes: [String: String] = [:], content: [Content] = []) {
        self.name = name
        self.attributes = attributes
        self.content = content
    }

    init(_ element: Element) {
        name = "{\(element.namespaceName)}\(element.name)"
        for attribute in element.attributes {
            attributes["{\(attribute.namespaceName)}\(attribute.name)"] = attribute.value
        }
        var index = element.index + 1
        while index < element.end {
            let node = element.document.nodes[index]
            switch node.kind {
            case .element:
                content.append(.element(Tree(Element(document: element.document, index: index))))
                index = Int(node.end)
                continue
            case .text, .cdata:
                add(text: element.decoded(node))
            case .attribute, .declaration:
                break
            }
            index += 1
        }
    }

    /// Text that follows text becomes one.
    mutating func add(text: String) {
        if case .text(let before)? = content.last {
            content[content.count - 1] = .text(before + text)
        } else if !text.isEmpty {
            content.append(.text(text))
        }
    }

    var description: String {
        let attributes = attributes.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value.debugDescription)" }
        let content = content.map { content in
            switch content {
            case .element(let tree): tree.description
            case .text(let text): text.debugDescription
            }
        }
        return "<\(name)\(attributes.joined())>\(content.joined())</>"
    }
}
