import NIOCore

extension XMLWriter {
    /// Writes a received element without the prefix of its name, as all names in its namespace where that is the
    /// default one. Other content is written as received, including other prefixes.
    ///
    /// The output is longer than the input by a few bytes for each element, and by declarations that are written once.
    /// - Parameters:
    ///   - attributes: replacements for some of its attributes; nil: none.
    ///   - isUnwanted: selects children to leave out; nil: none.
    ///   - appended: written after the element's own content.
    @inline(never)
    mutating func normalise(
        _ element: Element, root attributes: StanzaAttributes?, leavingOut isUnwanted: ((Element) -> Bool)? = nil,
        appending appended: ByteBuffer? = nil
    ) {
        closeTag()
        let walk = NormalisingWalk(element, isUnwanted)
        let needs = walk.look()
        var declarations: [UInt8] = []
        let document = element.document
        let own = element.node.namespace
        if !isCurrent(own, in: document) { declarations.appendDeclaration(of: own, in: document) }
        for prefix in element.outerPrefixes() where needs.ownPrefix || prefix.namespace != own {
            declarations.appendDeclaration(of: prefix, in: document)
        }
        if let namespace = needs.formerDefault {
            declarations.appendDeclaration(prefix: needs.prefix.span.bytes, namespace, in: document)
        }
        document.withBytes { span in
            walk.go { step in
                switch step {
                case .start(let node, let naming, let isRoot):
                    output.writeStaticString("<")
                    write(node, naming, needs, span)
                    if naming == .undeclared { output.writeStaticString(" xmlns=\"\"") }
                    guard isRoot else { break }
                    output.writeBytes(declarations)
                    guard let attributes else { break }
                    write("from", attributes.from)
                    write("to", attributes.to)
                    write("id", attributes.id ?? nil)
                    if !element.hasLanguage { write("xml:lang", attributes.lang) }
                case .attribute(let node, let isRoots):
                    if isRoots, node.prefixLength == 0, attributes?.replaces(node, in: span) ?? false { break }
                    writeReceived(node, span)
                case .declaration(let node, let isRoots):
                    let isKept = node.prefixLength == 0 ? !isRoots : needs.ownPrefix || node.namespace != own
                    if isKept { writeReceived(node, span) }
                case .tagEnded:
                    output.writeStaticString(">")
                case .emptyTag(let node, let isRoot):
                    guard isRoot, let appended else {
                        output.writeStaticString(" />")
                        break
                    }
                    output.writeStaticString(">")
                    output.writeImmutableBuffer(appended)
                    output.writeStaticString("</")
                    write(node, .local, needs, span)
                    output.writeStaticString(">")
                case .content(let node):
                    if node.kind == .cdata { output.writeStaticString("<![CDATA[") }
                    let text = span.extracting(node.value)
                    output.append(text.byteCount) { $0.put(text) }
                    if node.kind == .cdata { output.writeStaticString("]]>") }
                case .end(let node, let naming, let isRoot):
                    if isRoot, let appended { output.writeImmutableBuffer(appended) }
                    output.writeStaticString("</")
                    write(node, naming, needs, span)
                    output.writeStaticString(">")
                }
            }
        }
    }

    private mutating func write(
        _ node: Node, _ naming: NormalisingWalk.Naming, _ needs: NormalisingNeeds, _ span: RawSpan
    ) {
        let name = node.name
        switch naming {
        case .asReceived:
            output.append(name.length) { $0.put(span.slice(name.offset, name.length)) }
        case .former:
            output.writeBytes(needs.prefix)
            output.writeStaticString(":")
            fallthrough
        case .local, .undeclared:
            output.append(name.localLength) { $0.put(span.slice(name.localOffset, name.localLength)) }
        }
    }

    private mutating func write(_ name: StaticString, _ value: String?) {
        let attribute = NewAttribute(name, value)
        output.append(attribute.room) { attribute.put(into: &$0) }
    }

    private mutating func writeReceived(_ node: Node, _ span: RawSpan) {
        output.append(Int(node.nameLength) + Int(node.valueLength) + 4) { $0.putReceived(node, of: span) }
    }
}

/// What an element needs to be written without its prefix.
private struct NormalisingNeeds {
    /// Whether names in the element's namespace keep their prefixes: attributes, and elements where another namespace
    /// is the default one.
    var ownPrefix = false
    /// The default namespace at the element, if names in it use that, and need a prefix now.
    var formerDefault: NamespaceID?
    /// That prefix, which is unused elsewhere.
    var prefix: [UInt8] = []
}

/// Walks through an element without recursion, and decides how each name is written where the element's own namespace
/// has become the default one.
private struct NormalisingWalk {
    enum Naming {
        /// Prefix and name as received.
        case asReceived
        /// Without a prefix.
        case local
        /// With the new prefix for the former default namespace.
        case former
        /// Without a prefix, where there must be no default namespace.
        case undeclared
    }

    enum Step {
        case start(Node, Naming, isRoot: Bool)
        case attribute(Node, isRoots: Bool)
        case declaration(Node, isRoots: Bool)
        case tagEnded
        case emptyTag(Node, isRoot: Bool)
        case content(Node)
        case end(Node, Naming, isRoot: Bool)
    }

    private let element: Element
    private let isUnwanted: ((Element) -> Bool)?

    init(_ element: Element, _ isUnwanted: ((Element) -> Bool)?) {
        self.element = element
        self.isUnwanted = isUnwanted
    }

    /// Determines the needs before anything is written.
    func look() -> NormalisingNeeds {
        var needs = NormalisingNeeds()
        var numbers: Set<Int> = []
        let own = element.node.namespace
        element.document.withBytes { span in
            func note(_ name: RawSpan) {
                guard name.byteCount > 1, name.byteCount < 10, name.byte(0) == UInt8(ascii: "d") else { return }
                if let number = Int(name.string(1, name.byteCount - 1)) { numbers.insert(number) }
            }
            go { step in
                switch step {
                case .start(let node, .asReceived, _):
                    if node.namespace == own { needs.ownPrefix = true }
                    note(span.slice(Int(node.nameOffset), Int(node.prefixLength)))
                case .start(let node, .former, _):
                    needs.formerDefault = node.namespace
                case .attribute(let node, _):
                    if node.prefixLength > 0, node.namespace == own { needs.ownPrefix = true }
                    note(span.slice(Int(node.nameOffset), Int(node.prefixLength)))
                case .declaration(let node, _) where node.prefixLength > 0:
                    note(span.slice(node.name.localOffset, node.name.localLength))
                default:
                    break
                }
            }
        }
        if needs.formerDefault != nil {
            var number = 0
            while numbers.contains(number) { number += 1 }
            needs.prefix = Array("d\(number)".utf8)
        }
        return needs
    }

    func go(_ body: (Step) -> Void) {
        let document = element.document
        var open: [(end: Int, node: Node, naming: Naming, outerDefault: NamespaceID)] = []
        var currentDefault = element.node.namespace
        var index = element.index
        while index < element.end || !open.isEmpty {
            if let last = open.last, index >= last.end {
                open.removeLast()
                body(.end(last.node, last.naming, isRoot: open.isEmpty))
                currentDefault = last.outerDefault
                continue
            }
            let node = document.nodes[index]
            guard node.kind == .element else {
                body(.content(node))
                index += 1
                continue
            }
            if open.count == 1, let isUnwanted, isUnwanted(Element(document: document, index: index)) {
                index = Int(node.end)
                continue
            }
            let isRoot = open.isEmpty
            let endOfTag = document.endOfTag(index)
            let outerDefault = currentDefault
            let tag = document.nodes[(index + 1)..<endOfTag]
            if !isRoot, node.flags.contains(.declaresDefault),
                let declaration = tag.first(where: { $0.kind == .declaration && $0.prefixLength == 0 })
            {
                currentDefault = declaration.namespace
            }
            let naming: Naming
            if isRoot || node.namespace == currentDefault {
                naming = .local
            } else if node.prefixLength > 0 {
                naming = .asReceived
            } else if node.namespace == .none {
                naming = .undeclared
                currentDefault = .none
            } else {
                naming = .former
            }
            body(.start(node, naming, isRoot: isRoot))
            for node in tag {
                body(node.kind == .attribute ? .attribute(node, isRoots: isRoot) : .declaration(node, isRoots: isRoot))
            }
            if node.flags.contains(.emptyTag) {
                body(.emptyTag(node, isRoot: isRoot))
                currentDefault = outerDefault
            } else {
                body(.tagEnded)
                open.append((Int(node.end), node, naming, outerDefault))
            }
            index = endOfTag
        }
    }
}
