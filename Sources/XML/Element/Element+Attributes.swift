extension Element {
    /// The decoded value of the unprefixed attribute `name`.
    public subscript(_ name: StaticString) -> String? {
        attributeNode(name).map(decoded)
    }

    /// The decoded value of an attribute in a namespace, as of `xml:lang`.
    public func attribute(_ name: StaticString, _ namespace: Namespace) -> String? {
        if namespace == .none { return self[name] }
        return document.withBytes { span -> Node? in
            firstAttribute { node in
                node.prefixLength > 0 && document.means(node.namespace, namespace)
                    && span.equals(at: node.name.localOffset, length: node.name.localLength, name)
            }
        }.map(decoded)
    }

    /// Whether the unprefixed attribute `name` exists with this value.
    public func attribute(_ name: StaticString, equals value: StaticString) -> Bool {
        withAttributeBytes(name) { $0.equals(value) } ?? false
    }

    /// Calls `body` with the decoded value of the unprefixed attribute `name`, if it exists: with the received bytes
    /// unless they have references or line ends.
    @inlinable
    public func withAttributeBytes<Result>(_ name: StaticString, _ body: (RawSpan) -> Result) -> Result? {
        var result: Result?
        giveAttributeBytes(name) { result = body($0) }
        return result
    }

    /// Not generic: other modules specialise only its wrapper.
    @usableFromInline
    func giveAttributeBytes(_ name: StaticString, _ body: (RawSpan) -> Void) {
        guard let node = attributeNode(name) else { return }
        give(node, body)
    }

    private func give(_ node: Node, _ body: (RawSpan) -> Void) {
        document.withBytes { span in
            let value = span.extracting(node.value)
            guard node.isEncoded else { return body(value) }
            body(Decoding.attribute.bytes(value).span.bytes)
        }
    }

    /// Where a stanza has the attributes that are asked for again and again.
    public struct StanzaPlaces: Sendable {
        /// An unprefixed attribute of an element; nothing if it has none.
        public struct Place: Sendable {
            /// The node's number; 0, which is an element's, for none.
            fileprivate var index: UInt32 = 0
            /// Whether there is such an attribute.
            public var exists: Bool { index != 0 }
        }

        public fileprivate(set) var type = Place()
        public fileprivate(set) var to = Place()
        public fileprivate(set) var id = Place()
    }

    /// Looks at all attributes once.
    public var stanzaPlaces: StanzaPlaces {
        document.withBytes { span in
            var places = StanzaPlaces()
            var next = index + 1
            while next < document.nodes.count {
                let node = document.nodes[next]
                guard node.kind == .attribute || node.kind == .declaration else { break }
                let place = StanzaPlaces.Place(index: UInt32(truncatingIfNeeded: next))
                next += 1
                guard node.kind == .attribute, node.prefixLength == 0 else { continue }
                let (offset, length) = (Int(node.nameOffset), Int(node.nameLength))
                if span.equals(at: offset, length: length, "to") {
                    places.to = place
                } else if span.equals(at: offset, length: length, "type") {
                    places.type = place
                } else if span.equals(at: offset, length: length, "id") {
                    places.id = place
                }
            }
            return places
        }
    }

    /// Calls `body` with the decoded value of an attribute of this element, if it exists.
    @inlinable
    public func withAttributeBytes<Result>(at place: StanzaPlaces.Place, _ body: (RawSpan) -> Result) -> Result? {
        var result: Result?
        giveAttributeBytes(at: place) { result = body($0) }
        return result
    }

    @usableFromInline
    func giveAttributeBytes(at place: StanzaPlaces.Place, _ body: (RawSpan) -> Void) {
        if place.exists { give(document.nodes[Int(place.index)], body) }
    }

    /// The decoded value of an attribute of this element.
    public func attribute(at place: StanzaPlaces.Place) -> String? {
        place.exists ? decoded(document.nodes[Int(place.index)]) : nil
    }

    /// All attributes in the order received, without namespace declarations.
    public var attributes: Attributes {
        Attributes(element: self)
    }

    /// The attributes of an element.
    public struct Attributes: Sequence, Sendable {
        let element: Element

        public func makeIterator() -> Iterator {
            Iterator(document: element.document, index: element.index + 1)
        }

        /// Iterates over attributes.
        public struct Iterator: IteratorProtocol, Sendable {
            let document: Document
            var index: Int

            public mutating func next() -> Attribute? {
                while index < document.nodes.count {
                    let kind = document.nodes[index].kind
                    guard kind == .attribute || kind == .declaration else { return nil }
                    index += 1
                    if kind == .attribute { return Attribute(document: document, index: index - 1) }
                }
                return nil
            }
        }
    }

    /// The node of the unprefixed attribute `name`.
    @inline(__always)
    func attributeNode(_ name: StaticString) -> Node? {
        document.withBytes { span in
            firstAttribute { node in
                node.prefixLength == 0
                    && span.equals(at: Int(node.nameOffset), length: Int(node.nameLength), name)
            }
        }
    }

    @inline(__always)
    private func firstAttribute(_ matches: (Node) -> Bool) -> Node? {
        var next = index + 1
        while next < document.nodes.count {
            let node = document.nodes[next]
            guard node.kind == .attribute || node.kind == .declaration else { return nil }
            if node.kind == .attribute, matches(node) { return node }
            next += 1
        }
        return nil
    }

    /// The value or text of `node`.
    func decoded(_ node: Node) -> String {
        document.withBytes { span in
            let value = span.extracting(node.value)
            return node.isEncoded ? Decoding(node).string(value) : value.string(0, value.byteCount)
        }
    }
}

/// One attribute of an element.
public struct Attribute: Sendable {
    let document: Document
    let index: Int

    private var node: Node { document.nodes[index] }

    /// The name without prefix.
    public var name: String {
        let name = node.name
        return document.withBytes { $0.string(name.localOffset, name.localLength) }
    }

    /// The prefix as received.
    public var prefix: String? {
        let name = node.name
        guard name.prefixLength > 0 else { return nil }
        return document.withBytes { $0.string(name.offset, name.prefixLength) }
    }

    /// The namespace's name; empty for an attribute without prefix.
    public var namespaceName: String {
        document.withName(of: node.namespace) { $0.string(0, $0.byteCount) }
    }

    /// The decoded value.
    public var value: String {
        Element(document: document, index: 0).decoded(node)
    }
}
