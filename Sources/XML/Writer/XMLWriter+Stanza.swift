import NIOCore

/// The new attributes of a stanza that is passed on; nil: the attribute is left out.
struct StanzaAttributes {
    var from: String?
    var to: String?
    /// Written only if the stanza has no `xml:lang`.
    var lang: String?
    /// nil: as received.
    var id: String??

    /// Whether the attribute `node` is left out because it is replaced.
    @inline(__always)
    func replaces(_ node: Node, in document: Document) -> Bool {
        guard node.prefixLength == 0 else { return false }
        return document.withBytes { span in replaces(node, in: span) }
    }

    @inline(__always)
    func replaces(_ node: Node, in span: RawSpan) -> Bool {
        let (offset, length) = (Int(node.nameOffset), Int(node.nameLength))
        switch length {
        case 2:
            return span.equals(at: offset, length: 2, "to") || id != nil && span.equals(at: offset, length: 2, "id")
        case 4:
            return span.equals(at: offset, length: 4, "from")
        default:
            return false
        }
    }
}

extension XMLWriter {
    /// Passes a received stanza on: its bytes with other addresses. A prefix of its own name is removed, as old clients
    /// look for the plain name.
    /// - Parameters:
    ///   - from: the sender; nil: none is written.
    ///   - to: the recipient; nil: none is written.
    ///   - lang: `xml:lang` for a stanza that has none.
    ///   - isUnwanted: selects children to leave out; nil: none.
    ///   - appended: written after the stanza's own content: elements from a writer for the content namespace
    ///     `jabber:client`.
    public mutating func stanza(
        _ element: Element, from: String?, to: String?, lang: String? = nil,
        leavingOut isUnwanted: ((Element) -> Bool)? = nil, appending appended: ByteBuffer? = nil
    ) {
        pass(element, StanzaAttributes(from: from, to: to, lang: lang, id: nil), leavingOut: isUnwanted, appended)
    }

    /// The same with another `id`; nil: none is written.
    public mutating func stanza(_ element: Element, from: String?, to: String?, lang: String? = nil, id: String?) {
        pass(element, StanzaAttributes(from: from, to: to, lang: lang, id: .some(id)), leavingOut: nil, nil)
    }

    /// The same with the addresses that the stanza has.
    public mutating func stanza(
        _ element: Element, leavingOut isUnwanted: ((Element) -> Bool)? = nil, appending appended: ByteBuffer? = nil
    ) {
        guard element.node.prefixLength == 0 else {
            return normalise(element, root: nil, leavingOut: isUnwanted, appending: appended)
        }
        pass(element, nil, leavingOut: isUnwanted, appended)
    }

    /// - Parameter attributes: nil: as they are; the element's name keeps its prefix then.
    mutating func pass(
        _ element: Element, _ attributes: StanzaAttributes?, leavingOut isUnwanted: ((Element) -> Bool)?,
        _ appended: ByteBuffer?
    ) {
        let node = element.node
        guard node.prefixLength == 0 || attributes == nil else {
            return normalise(element, root: attributes, leavingOut: isUnwanted, appending: appended)
        }
        closeTag()
        let isCurrent = node.prefixLength == 0 && isCurrent(node.namespace, in: element.document)
        let declarations = isCurrent && !node.flags.contains(.usesOuterPrefix) ? [] : declarations(for: element)
        let from = NewAttribute("from", attributes?.from)
        let to = NewAttribute("to", attributes?.to)
        let id = NewAttribute("id", attributes?.id ?? nil)
        let lang = NewAttribute("xml:lang", attributes?.lang == nil || element.hasLanguage ? nil : attributes?.lang)
        let document = element.document
        // The received bytes and one blank bound everything that is copied; an empty tag may become two.
        let endTag = appended == nil ? 0 : Int(node.nameLength) + 3
        let bound =
            element.byteCount + 1 + declarations.count + from.room + to.room + id.room + lang.room
            + (appended?.readableBytes ?? 0) + endTag
        document.withBytes { span in
            output.append(bound) { sink in
                sink.put(span.slice(element.start, 1 + Int(node.nameLength)))
                declarations.withUnsafeBytes { sink.put($0) }
                from.put(into: &sink)
                to.put(into: &sink)
                id.put(into: &sink)
                var index = element.index + 1
                while index < document.nodes.count {
                    let node = document.nodes[index]
                    guard node.kind == .attribute || node.kind == .declaration else { break }
                    index += 1
                    let isDropped =
                        node.kind == .attribute
                        ? node.prefixLength == 0 && attributes?.replaces(node, in: span) ?? false
                        : node.prefixLength == 0 && isCurrent
                    if !isDropped { sink.putReceived(node, of: span) }
                }
                lang.put(into: &sink)
                let isEmpty = node.flags.contains(.emptyTag)
                guard !isEmpty || appended != nil else {
                    sink.put(" />")
                    return
                }
                sink.put(">")
                let end = element.start + element.byteCount
                guard appended != nil || isUnwanted != nil else {
                    return sink.put(span.extracting(Int(node.valueOffset)..<end))
                }
                if !isEmpty {
                    var start = Int(node.valueOffset)
                    if let isUnwanted {
                        for child in element.children where isUnwanted(child) {
                            sink.put(span.extracting(start..<child.start))
                            start = child.start + child.byteCount
                        }
                    }
                    // Nothing in the end tag looks like its beginning.
                    var endTag = end - 1
                    while span.byte(endTag) != UInt8(ascii: "<") { endTag -= 1 }
                    sink.put(span.extracting(start..<endTag))
                }
                appended?.withUnsafeReadableBytes { sink.put($0) }
                sink.put("</")
                sink.put(span.slice(element.start + 1, Int(node.nameLength)))
                sink.put(">")
            }
        }
    }
}

/// An attribute to be written, measured.
struct NewAttribute {
    let name: StaticString
    let value: String?
    let measure: Escaping.Measure

    @inline(__always)
    init(_ name: StaticString, _ value: String?) {
        self.name = name
        self.value = value
        measure = value.map { Escaping.attribute.measure($0.utf8.span.bytes) } ?? .init(byteCount: 0, isPlain: true)
    }

    @inline(__always) var room: Int {
        value == nil ? 0 : measure.byteCount + name.utf8CodeUnitCount + 4
    }

    @inline(__always)
    func put(into sink: inout ByteSink) {
        guard let value else { return }
        sink.putAttribute(name, value.utf8.span.bytes, measure)
    }
}

extension Element {
    var hasLanguage: Bool {
        attributes.contains { $0.isLanguage }
    }
}

extension Attribute {
    /// Whether this is `xml:lang`.
    fileprivate var isLanguage: Bool {
        let node = document.nodes[index]
        guard node.namespace == .xml else { return false }
        return document.withBytes { $0.equals(at: node.name.localOffset, length: node.name.localLength, "lang") }
    }
}
