import NIOCore

extension XMLWriter {
    /// Writes an element anew without prefixes, for those whose bytes do not mean the same elsewhere.
    /// - Parameters:
    ///   - root: what to put in the place of some of its attributes.
    ///   - content: what to write behind the element's own content.
    @inline(never)
    mutating func normalise(
        _ element: Element, root: StanzaAttributes?, appending content: (inout XMLWriter) -> Void = { _ in }
    ) {
        let document = element.document
        let base = depth
        var ends: [Int] = []
        var index = element.index
        while index < element.end {
            while let last = ends.last, index >= last {
                ends.removeLast()
                end()
            }
            let node = document.nodes[index]
            switch node.kind {
            case .element:
                let current = Element(document: document, index: index)
                start(dynamic: current.name, namespaceName: current.namespaceName)
                if index == element.index, let root {
                    attribute("from", root.from)
                    attribute("to", root.to)
                    if case .some(let id) = root.id { attribute("id", id) }
                    if !current.hasLanguage { lang(root.lang) }
                }
                ends.append(current.end)
            case .attribute:
                let isReplaced = ends.count == 1 && root?.replaces(node, in: document) ?? false
                if !isReplaced { normalise(attribute: Attribute(document: document, index: index), index) }
            case .declaration:
                break
            case .text, .cdata:
                text(Element(document: document, index: 0).decoded(node))
            }
            index += 1
        }
        while depth > base + 1 { end() }
        content(&self)
        end()
    }

    private mutating func normalise(attribute: Attribute, _ index: Int) {
        let namespace = attribute.namespaceName
        let name: String
        if namespace.isEmpty {
            name = attribute.name
        } else if namespace == Namespace.xml.name {
            name = "xml:\(attribute.name)"
        } else {
            write(attribute: "xmlns:ns\(index)", namespace)
            name = "ns\(index):\(attribute.name)"
        }
        write(attribute: name, attribute.value)
    }

    private mutating func write(attribute name: String, _ value: String) {
        output.writeString(" \(name)")
        // The name is part of what stands before the quotation mark.
        let bytes = value.utf8.span.bytes
        let measure = Escaping.attribute.measure(bytes)
        output.append(measure.byteCount + 3) { sink in
            sink.put("=\"")
            Escaping.attribute.put(bytes, measure, into: &sink)
            sink.put("\"")
        }
    }
}
